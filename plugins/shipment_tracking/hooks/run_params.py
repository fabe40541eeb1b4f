"""The params of the DAGs' runs, as the trigger forms show them; the safest switch comes first."""

from airflow.sdk import Param

MOST_DAYS = 36_500
"""Of what is kept: a hundred years, from which a database can still count back."""

PARAMS = {
    "dry_run": Param(
        False,
        type=["null", "boolean"],
        description="Gather and load as usual, but keep nothing in the ERP and send nothing. What "
        "would be is logged and waits for the next real run. "
        "试运行：照常采集入库，但 ERP 不变、不发通知，只在日志中列出。",
    ),
    "shipped_from": Param(
        None,
        type=["null", "string"],
        format="date-time",
        description="With shipped_to: read again all that was shipped since then, signed orders "
        "too, and announce nothing. A time without an offset is Shanghai time; the picker takes "
        "the zone that the UI shows (the clock at its lower left). "
        "与 shipped_to 同用：重新读取该时间起发货的全部订单（含已签收），不发通知。"
        "未写时区的时间按上海时间（UTC+8）；日期选择器用界面左下角时钟所示的时区。",
    ),
    "shipped_to": Param(
        None,
        type=["null", "string"],
        format="date-time",
        description="With shipped_from: the end of that time, itself not included. A time without "
        "an offset is Shanghai time; the picker takes the zone that the UI shows. "
        "与 shipped_from 同用：截止时间（不含）。未写时区的时间按上海时间（UTC+8）；"
        "日期选择器用界面所示的时区。",
    ),
    "only_account": Param(
        None,
        type=["null", "string"],
        description="Connection id of one account: the run leaves every other account alone. "
        "只处理一个账号，填它的连接 id。",
    ),
    "accept_closures": Param(
        False,
        type=["null", "boolean"],
        description="Close the orders that left the ERP's list, however many they are. "
        "关闭已不在 ERP 列表中的订单，不论多少。",
    ),
    "stalled_after_hours": Param(
        None,
        type=["null", "object"],
        description="Hours by stage after which a stalled parcel gives an alarm, instead "
        'of the defaults: {"pickup": 48, "in_transit": 72, "out_for_delivery": 24, '
        '"ready_for_pickup": 72}. Exceptions, failures and returns give one at once. '
        "各阶段停滞多少小时后告警；异常、投递失败和退回立即告警。",
    ),
}

PRIORITY_PARAMS = {
    name: PARAMS[name] for name in ("dry_run", "only_account", "stalled_after_hours")
}

PRUNE_PARAMS = {
    "dry_run": Param(
        False,
        type=["null", "boolean"],
        description="Delete nothing; say how many rows would be. "
        "试运行：不删除，只报告会删除多少行。",
    ),
    "orders": Param(
        365,
        type="integer",
        minimum=30,
        maximum=MOST_DAYS,
        description="Days from an order's closing until its parcels are deleted, with their scans, "
        "changes, notices and replies. 订单关闭多少天后删除其包裹、轨迹、状态变化、通知和应答。",
    ),
    "replies": Param(
        30,
        type="integer",
        minimum=1,
        maximum=MOST_DAYS,
        description="Days from a reply's loading until it is deleted; an order's newest stays. "
        "应答入库多少天后删除；每个订单最新的一份保留。",
    ),
    "notices": Param(
        90,
        type="integer",
        minimum=7,
        maximum=MOST_DAYS,
        description="Days until a notice that was sent, suppressed or given up is deleted, once "
        "its order is closed. 订单关闭后，已发送、已抑制或已放弃的通知保留多少天。",
    ),
    "runs": Param(
        180,
        type="integer",
        minimum=1,
        maximum=MOST_DAYS,
        description="Days until a run's numbers and calls are deleted. "
        "运行统计和调用统计保留多少天。",
    ),
    "acts": Param(
        730,
        type="integer",
        minimum=30,
        maximum=MOST_DAYS,
        description="Days until the record of what a person did on the page Shipments is deleted, "
        "once its order is closed. 订单关闭后，页面上的人工操作记录保留多少天。",
    ),
    "tokens": Param(
        30,
        type="integer",
        minimum=1,
        maximum=MOST_DAYS,
        description="Days from the end of a stored refresh token until it is deleted. "
        "已存的 refresh token 到期多少天后删除。",
    ),
}

REPLAY_PARAMS = {
    "dry_run": Param(
        True,
        type=["null", "boolean"],
        description="Change nothing; say what would change. Untick it to apply what a dry run "
        "showed. 试运行（默认）：不作改动，只列出会有哪些变化；确认后取消勾选再运行即生效。",
    ),
    "shipped_from": Param(
        None,
        type=["null", "string"],
        format="date-time",
        description="With shipped_to: only orders that were shipped since then. Without any time "
        "all orders are read again. A time without an offset is Shanghai time; the picker takes "
        "the zone that the UI shows. 与 shipped_to 同用：只处理该时间起发货的订单；"
        "不填任何时间则处理全部订单。未写时区的时间按上海时间（UTC+8）；"
        "日期选择器用界面所示的时区。",
    ),
    "shipped_to": Param(
        None,
        type=["null", "string"],
        format="date-time",
        description="With shipped_from: the end of that time, itself not included. "
        "与 shipped_from 同用：截止时间（不含）。",
    ),
    "fetched_from": Param(
        None,
        type=["null", "string"],
        format="date-time",
        description="With fetched_to, instead of the time of shipping: only orders that have a "
        "stored reply fetched since then; all their replies are read again. "
        "与 fetched_to 同用，替代发货时间：只处理该时间起采集过应答的订单，"
        "并重读其全部已存应答。",
    ),
    "fetched_to": Param(
        None,
        type=["null", "string"],
        format="date-time",
        description="With fetched_from: the end of that time, itself not included. "
        "与 fetched_from 同用：截止时间（不含）。",
    ),
    "account": Param(
        None,
        type=["null", "string"],
        description="Connection id of one account: only its orders are read again. "
        "只处理一个账号，填它的连接 id。",
    ),
}

REPORT_PARAMS = {
    "dry_run": Param(
        False,
        type=["null", "boolean"],
        description="Write the files and send nothing; the log lists who would get the report. "
        "试运行：写出文件但不发送，只在日志中列出谁会收到。",
    ),
    "day": Param(
        None,
        type=["null", "string"],
        format="date",
        description="Report this day in Shanghai instead of yesterday: its files are written "
        "again. It is sent to the channels that have not had it, unless it is older than six days. "
        "重做某一天（上海日期）的日报：重写文件，并发给尚未收到的通道；"
        "超过六天的只写文件，不再发送。不填则为昨天。",
    ),
    "language": Param(
        "zh",
        type="string",
        enum=["zh", "en"],
        description="Language of the HTML and XLSX files; each channel has its own. "
        "HTML 和 XLSX 文件的语言；各通道的语言在其连接中设置。",
    ),
}
