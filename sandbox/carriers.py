"""Carriers, cities, invented people, and the words carriers use in their traces."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier as 1688 names it; `style` chooses the wording of its traces."""

    code: str
    name: str
    company_id: str
    brand: str
    prefix: str
    digits: int
    style: str

    def new_waybill(self, dice: random.Random) -> str:
        """A waybill number of the carrier's usual form."""
        return self.prefix + "".join(dice.choices("0123456789", k=self.digits))


CARRIERS = (
    Carrier("YTO", "圆通速递(YTO)", "2", "圆通速递", "YT88", 11, "bracket"),
    Carrier("STO", "申通快递(STO)", "1", "申通快递", "77", 13, "scan"),
    Carrier("ZTO", "中通快递(ZTO)", "3", "中通快递", "78", 12, "bracket"),
    Carrier("YUNDA", "韵达快递(YUNDA)", "102", "韵达快递", "43", 13, "scan"),
    Carrier("SF", "顺丰速运", "100", "顺丰速运", "SF1", 12, "plain"),
    Carrier("EMS", "EMS", "5", "EMS", "12", 11, "plain"),
    Carrier("POSTB", "邮政快递包裹", "200734", "中国邮政", "98", 11, "plain"),
    Carrier("HTKY", "极兔速递", "352", "极兔速递", "JT", 13, "bracket"),
    Carrier("LE04284890", "京东快递", "531", "京东快递", "JDVB0", 11, "plain"),
    Carrier("DBKD", "德邦快递（DBKD）", "107", "德邦快递", "DPK36", 10, "plain"),
)
CARRIER_WEIGHTS = (18, 14, 20, 14, 6, 4, 7, 12, 3, 2)


@dataclass(frozen=True, slots=True)
class City:
    name: str
    province: str
    area_code: str
    district: str

    @property
    def hub(self) -> str:
        return f"{self.province}{self.name}转运中心"

    @property
    def full_name(self) -> str:
        return f"{self.name}市"


CITIES = tuple(
    City(*row)
    for row in (
        ("杭州", "浙江", "0571", "西湖区三墩"),
        ("宁波", "浙江", "0574", "鄞州区邱隘"),
        ("金华", "浙江", "0579", "义乌北苑"),
        ("温州", "浙江", "0577", "瓯海区梧田"),
        ("广州", "广东", "020", "天河区天平架"),
        ("深圳", "广东", "0755", "龙岗区坂田"),
        ("佛山", "广东", "0757", "南海区大沥"),
        ("东莞", "广东", "0769", "虎门镇"),
        ("汕头", "广东", "0754", "澄海区"),
        ("泉州", "福建", "0595", "晋江池店"),
        ("苏州", "江苏", "0512", "吴中区木渎"),
        ("南京", "江苏", "025", "江宁区秣陵"),
        ("临沂", "山东", "0539", "兰山区"),
        ("青岛", "山东", "0532", "城阳区"),
        ("郑州", "河南", "0371", "二七区"),
        ("武汉", "湖北", "027", "洪山区关山"),
        ("长沙", "湖南", "0731", "雨花区"),
        ("新余", "江西", "0790", "渝水区"),
        ("成都", "四川", "028", "武侯区簇桥"),
        ("西安", "陕西", "029", "雁塔区"),
        ("石家庄", "河北", "0311", "长安区"),
        ("沈阳", "辽宁", "024", "铁西区"),
    )
)

SURNAMES = [
    "欧阳",
    "司徒",
    "诸葛",
    "上官",
    "夏侯",
    "尉迟",
    "皇甫",
    "慕容",
    "宇文",
    "赫连",
    "澹台",
    "公冶",
    "钟离",
    "闾丘",
    "令狐",
    "端木",
]
GIVEN_NAMES = ["佩然", "若琛", "砚舟", "漱玉", "霁寒", "樾之", "攸宁", "葳蕤"]

PLACES = [
    "翠苑小区",
    "滨江花园",
    "阳光新城",
    "金桂苑",
    "和平里",
    "大学城南区",
    "锦绣江南",
    "梧桐名邸",
]


class People:
    """The invented names and phone numbers of one world: the only ones its texts ever hold."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(f"{seed}/people")
        every_name = [surname + given for surname in SURNAMES for given in GIVEN_NAMES]
        self.names = tuple(dice.sample(every_name, 60))
        self.mobiles = tuple(
            f"1{dice.choice('3456789')}{dice.randrange(10**9):09d}" for _ in range(160)
        )
        self.virtuals = tuple(
            f"1{dice.choice('3456789')}{dice.randrange(10**9):09d}-{dice.randrange(1000, 10000)}"
            for _ in range(40)
        )
        self.landlines = {
            city.area_code: tuple(
                f"{city.area_code}-{dice.choice('5678')}{dice.randrange(10**7):07d}"
                for _ in range(2)
            )
            for city in CITIES
        }

    @property
    def phones(self) -> frozenset[str]:
        """Every number, a virtual one also without its extension."""
        fixed = (number for numbers in self.landlines.values() for number in numbers)
        main_parts = (number.partition("-")[0] for number in self.virtuals)
        return frozenset((*self.mobiles, *self.virtuals, *main_parts, *fixed))


# {city} {site} {here} {there} {place} and the people are filled in by the story.
COLLECTED = {
    "bracket": (
        "【{city}】【{site}】（{landline}） 的业务员【{courier}】（{mobile}） 已揽收",
        "【{city}】{site} 已收件 取件人: {courier} ({mobile})",
        "【{city}】{site} 已揽收&nbsp;&nbsp;",
    ),
    "scan": (
        "在{site}进行揽件扫描",
        "{site}-已收件，揽收业务员：{courier}，电话：{mobile}",
    ),
    "plain": (
        "{brand} 已收取快件",
        "【{site}】已收寄,揽投员:{courier},电话:{mobile}",
        " 快件已由{site}揽收完成",
    ),
}
DEPARTED = {
    "bracket": (
        "【{city}】快件已从 {here} 发出，准备发往 {there}",
        "【{city}】快件离开【{here}】，已发往【{there}】",
        "【{city}】{here} 已发出，下一站 {there}",
    ),
    "scan": (
        "在{here}进行下级地点扫描，即将发往：{there}",
        "在{here}进行装车扫描，即将发往：{there}",
        "从{here}发出，本次转运目的地：{there}",
        "由{here}发往{there}",
    ),
    "plain": (
        "快件在【{here}】完成分拣,准备发往 【{there}】",
        "离开【{here}】，下一站【{there}】",
        "快件已发车，{here}发往{there}",
    ),
}
ARRIVED = {
    "bracket": (
        "【{city}】快件已到达【{here}】",
        "【{city}】快件已到达 {here}，正在分拣",
        "【{city}】快件在【{here}】完成分拣，准备发往下一站",
    ),
    "scan": (
        "在分拨中心{here}进行卸车扫描",
        "在分拨中心{here}进行称重扫描",
        "已到达-{here}",
        "快件已进入{here}进行分拣",
    ),
    "plain": (
        "快件到达 【{here}】",
        "到达【{here}】",
        "您的快件已到达【{here}】",
    ),
}
ARRIVED_AT_SITE = {
    "bracket": (
        "【{city}】快件已到达【{site}】网点，请准备签收",
        "【{city}】快件已到达 {site}",
    ),
    "scan": (
        "到达目的地网点{site}，快件将很快进行派送",
        "已到达-{site}",
    ),
    "plain": (
        "快件到达 【{site}】",
        "快件已到达{site}网点，请准备签收",
    ),
}
DISPATCHED = {
    "bracket": (
        "【{city}】【{site}】的派件员【{courier}】 {mobile} 正在为您派件，如有疑问请联系站点："
        "{landline}（95720为快递员外呼专属号码，请放心接听）",
        "【{city}】{site} 派件中 派件人: {courier} 电话 {mobile} 如有疑问，请联系：{landline}",
        "【{city}】{site} 正在派件，派件员：{courier}，电话：{virtual}",
    ),
    "scan": (
        "在{site}进行派件扫描；派送业务员：{courier}；联系电话：{mobile}",
        "{site}-派件员:{courier} {mobile}-正在派件",
    ),
    "plain": (
        "正在派送途中,请您准备签收(派件人:{courier},电话:{mobile})",
        "【{site}】安排投递,投递员:{courier},电话:{virtual}",
        "快递员：{courier} 正在派送您的快件，电话 {mobile}",
        "派件中",
    ),
}
STORED = {
    "station": (
        "快件已暂存至{place}菜鸟驿站，如有疑问请联系{mobile}",
        "您的包裹已存放至【{place}兔喜生活+】，记得早点来取它回家",
        "快件已由{place}菜鸟驿站代收，请及时取件，取件码{code}",
        "【{city}】快件已在 快递超市 的【{place}店】暂放,【取件地址:{place}7号】,请及时取件。"
        "如有疑问请联系业务员:{mobile},代理点电话:{mobile2},投诉电话:{landline}",
    ),
    "locker": (
        "您的快件已存放在丰巢快递柜，取件码已发送，请及时取件",
        "快件已被【{place}自提柜】代收,请及时取件。有问题请联系派件员{mobile}",
    ),
    "agency": (
        "您的快件已被{place}物业代收，请及时取件，联系电话：{mobile}",
        "快件已由{place}代理点代收，请凭取件码{code}及时取件，代理点电话：{landline}",
    ),
}
SIGNED = {
    "self": (
        "客户 签收人: 本人 已签收 感谢使用{brand}，期待再次为您服务",
        "【{city}】已签收，签收人：本人，如有疑问请联系派件员：{courier} {mobile}",
        "您的快件已由本人签收，感谢使用{brand}",
    ),
    "family": (
        "您的快件已签收，签收人在家人处，如有问题请联系派件员{mobile}",
        "【{city}】已签收，签收人：家人，感谢使用{brand}",
    ),
    "agency": (
        "已签收,签收人是(快递已送代理点{place}),如您未收到此快递,请拨打{mobile}",
        "【{city}】已签收，签收人：物业，派件员：{courier}，电话：{mobile}",
    ),
    "station": (
        "已签收，签收人凭取货码签收。",
        "【{city}】您的快件已在{place}菜鸟驿站签收，感谢使用{brand}",
    ),
    "locker": (
        "客户 签收人: 丰巢 已签收 感谢使用{brand}",
        "您的快件已从丰巢快递柜取出，已签收",
    ),
    "platform": (
        "快件已被 已签收 签收",
        "【{city}】快件已签收，感谢使用{brand}",
        "已签收，签收人：{signer}",
    ),
}
FAILED = (
    "快件派送不成功(因电话无人接听/关机/无信号，暂无法联系到收方客户),正在处理中,待再次派送",
    "派送不成功，企事业单位，工作日续送。",
    "【{city}】签收失败，收件人不在家，派件员：{courier}，电话：{mobile}",
    "【{city}】快件无法签收，地址不详，请联系{site}：{landline}",
)
REFUSED = (
    "客户拒收，快件退回中",
    "【{city}】收件人拒收，快件将退回寄件人，业务员：{courier}，电话：{mobile}",
)
BACK_TO_DEPOT = (
    ("in_transit", "快件退回仓库，明日重新派送"),
    ("in_transit", "快件因安检原因退回始发网点，重新安排运输"),
    ("in_transit", "快件退回仓库，重新安排派送"),
    ("delivery_failed", "收件人不在，快件退回网点，等待再次派送"),
    ("delivery_failed", "派送未成功，快件退回网点，待再次派送"),
)
"""The carrier takes the parcel back to its own depot, to try again."""
NO_TRACE_KNOWN = (
    "暂无物流信息",
    "抱歉，查无结果，请隔段时间再查",
    "运单信息暂未更新，请稍后查询",
)
"""What stands where a trace should be, when a platform could not ask the carrier."""
GOING_BACK = (
    "退回件已从 {here} 发出，准备发往 {there}",
    "【{city}】退回件已到达【{here}】",
)
RETURNED = (
    "退回件 已签收",
    "【{city}】退回件已签收，签收人：发件人",
    "Delivered, To Original Sender",
)
RETURNED_PLAIN = "【{city}】已签收，感谢使用{brand}"
AWAITING_PICKUP = "商家已发货，包裹等待揽收"
