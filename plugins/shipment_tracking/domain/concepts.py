"""
What the words of trace texts mean, in Chinese and in Latin letters.

Words of one concept weigh alike in the learned reader, so that it reads a wording none of whose
words it was trained with. A concept says nothing of a status by itself.
"""

import re

# Chinese words are folded (simplified); Latin words are any form of a word (deliver: delivered,
# delivering), a word with "_" is a pair of words.
_WORDS = {
    "NOT": "未 没 没有 无法 不能 无人 不 尚未 未能 并未 无 不予 不便 不可 unable cannot not no"
    " never without t nobody none nicht kein keine pas non sin tidak niet impossible couldnt"
    " didnt",
    "FAIL": "失败 不成功 未成功 未果 不成 fail failure unsuccessful gagal aborted missed",
    "WILL": "将 预计 即将 预定 将于 将在 拟 计划 will expect estimate scheduled schedule plan eta"
    " due going_to anticipated forecast soon voraussichtlich",
    "WAIT": "等待 等候 待 等 待处理 有待 await wait pending yet_to",
    "DONE": "已 完成 成功 完毕 已经 完 了 complete success successful done has_been have_been"
    " finish",
    "DOING": "正在 进行中 中 途中 进行 现正 being in_progress under_way underway ongoing"
    " currently dalam",
    "PLEASE": "请 务必 敬请 烦请 please kindly bitte veuillez",
    "WANT": "要求 申请 请求 指示 约定 预约 希望 指定 已约 另约 改约 客约 应 request instruct"
    " instruction ask appointment wish prefer demand agreed per_your",
    "RECEIVER": "收方 取件人 消费者 收件人 收货人 收件方 收货方 客户 买家 用户 顾客 本人 受取人"
    " 住户 收货公司 收件公司 收件客户 客人 recipient consignee addressee receiver customer buyer"
    " resident destinataire empfänger destinatario destinatário penerima client",
    "SENDER": "出货方 寄件人 发件人 卖家 商家 发货人 寄方 寄件方 卖方 厂商 供货商 托运人 原寄"
    " 店家 寄件客户 出货人 shipper sender seller merchant vendor consignor supplier expéditeur"
    " absender mittente remitente pengirim",
    "FAMILY": "家人 家属 同事 亲友 邻居 朋友 管理员 管理室 警卫 秘书 物业 门卫 前台 保安 收发室"
    " 传达室 neighbour neighbor reception receptionist concierge household family colleague"
    " nachbar mailroom mail_room guard doorman secretary",
    "COURIER": "驾驶员 宅配员 递送人员 物流士 物流人员 收派人员 送件员 快递员 派件员 派送员"
    " 配送员 投递员 业务员 小哥 骑手 收派员 收件员 揽收员 司机 派员 送货员 骑士 师傅 揽件员"
    " 揽投员 driver courier rider postman delivery_partner delivery_agent kurir facteur zusteller"
    " executive",
    "HUB": "服务中心 理货中心 派送中心 邮件中心 分拣场 集散场 中心 设施 据点 投递股 配达站 集货站"
    " 网点 营业部 营业站 营业点 分公司 分部 站点 转运中心 分拨中心 集散中心 处理中心 分拣中心"
    " 中转站 中转场 集散点 配送站 转运站 物流中心 投递部 投递局 揽投部 作业中心 站 局 facility"
    " hub depot terminal centre center branch gateway station agence filiale paketzentrum sede"
    " plant delivery_unit delivery_office",
    "SHOP": "邮局 邮政局 智邮站 i邮箱 智取柜 自取站 顺丰站 驿站 自提点 自提柜 代收点 代理点"
    " 便利店 超市 服务点 服务站 取件点 取货点 取件店 提货点 丰巢 快递柜 智能柜 柜 门店 便利箱"
    " 合作点 代办点 兔喜 储物柜 店铺 locker pickup_point parcelshop parcel_shop access_point"
    " post_office collection_point service_point cabinet pudo packstation relais newsagent",
    "STORE": "仓库 入库 出库 仓 库房 海外仓 集运仓 保税仓 warehouse fulfilment fulfillment"
    " inventory stock gudang",
    "CUSTOMS": "主管机关 政府机关 海关 清关 报关 关务 保税 验关 customs clearance clear broker"
    " douane zoll aduana dogana cukai",
    "AIR": "航班 航空 飞机 机场 起飞 降落 空运 交航 航机 落地 flight airport airline aircraft"
    " plane uplift airfreight mawb takeoff",
    "SEA": "船 港口 码头 海运 船舶 靠港 离港 货轮 vessel port ocean seaport sailing berth",
    "ABROAD": "国际 目的国 出口 进口 跨境 境外 互换局 交换局 目的地国 海外 international country"
    " export import overseas abroad crossborder ctry",
    "DELIVER": "派送 配送 投递 派件 送货 配达 递送 送件 派 投 送 上门 再投 再派 再配 deliver"
    " delivery redelivery redeliver livraison zustellung entrega consegna pengiriman bezorging"
    " dlvry distribution",
    "DELIVERED": "送达 妥投 配交 配完 送到 投妥 派达 派送成功 派件成功 投递成功 配送完成 派送完成"
    " 交付 派件完成 配送成功 delivered dlvd livré livrée zugestellt entregado consegnata"
    " consegnato terkirim entregue bezorgd diterima",
    "SIGN": "签单 签收 签字 签名 签章 签 盖章 签署 收讫 sign signature pod proof_of signé",
    "ARRIVE": "到达 抵达 到件 到站 到港 运抵 送抵 进站 到店 到仓 到货 抵港 到 arrive arrival"
    " reach inbound inward landed arrivé eingetroffen llegó arrivata tiba",
    "DEPART": "离开 发往 发出 驶离 出发 离站 离港 启运 发车 出站 发件 送往 运往 开往 封发 发运"
    " 离岸 depart departure left leave leaving dispatch outbound outward despatch sent quitté"
    " verlassen salió partita berangkat forward",
    "LOAD": "装车 装箱 装机 装柜 装袋 卸车 卸货 上车 装运 装船 装载 load unload bag pallet"
    " container trailer get_on get_off",
    "SORT": "分拣 分拨 理货 处理 打包 集包 开拆 分货 换单 操作 sort sorting process packed"
    " packing handle handling repacked verarbeitet bearbeitet tri",
    "MOVING": "运输 转运 中转 在途 运送 干线 路由 运行 运输中 转运中 transit transport movement"
    " en_route the_way moving travel move connected unterwegs tránsito transito acheminement"
    " camino perjalanan",
    "HANDOVER": "移交 转交 交接 交给 交由 转由 转给 转至 转单 交予 转寄 改寄 转投 handover"
    " hand_over handed hand transfer tender inject another_carrier third_party partner last_mile"
    " final_mile",
    "PICKUP": "揽收 揽件 收件 取件 取货 集货 提货 提件 揽 收取 上门收件 上门取件 pickup pick"
    " picked picked_up pick_up collect collection collected first_mile enlèvement abgeholt"
    " abholung",
    "TAKEN": "领讫 取回 提领 领件 取走 领取 领走 取出 自提 代取 代领 领 拿走 自取 开箱 提走 领回"
    " 提取 took retrieve claimed taken withdrawn_from",
    "ACCEPT": "托运 寄货 收寄 交寄 投寄 寄件 交件 寄出 收运 受理 寄存 accept acceptance post"
    " posting posted lodge lodgement drop_off dropped dropoff mailed deposit admitido aceptado",
    "RECEIVE": "收到 接收 收货 收妥 接到 代收 receive receipt possession empfangen reçu recibido",
    "KEEP": "存放 保管 暂存 暂放 存入 留存 留置 保留 留 招领 候领 存局 放置 暂置 寄存 stored"
    " storage held hold kept keep retain retention on_hand store giacenza deposited",
    "READY": "可取 可领 可到 可前往 凭 取件码 提货码 取货码 available ready can_be disponible"
    " bereit siap pronta code pin otp",
    "DOOR": "前门 后门 门口 信箱 家门 大门 指定位置 门廊 车库 鞋柜 信报箱 porch door doorstep"
    " safe_place mailbox letterbox letter_box garage garden lobby receptacle mail_slot yard patio",
    "BACK": "送回 寄回 送返 返送 退签 返品 厂退 退 返回 退回 退件 退货 退还 返还 退运 逆向 回程"
    " 逆物流 退返 转退 返程 改退 返货 return rts rto back reverse retour retoure zurück devuelto"
    " devolución restituzione retur dikembalikan r_t s_r",
    "REFUSE": "拒收 拒绝 拒签 拒 不要 不收 不肯 不愿 拒领 refuse refusal reject decline unwanted"
    " verweigert refusé rechazado rifiutato menolak",
    "CANCEL": "取消 作废 撤销 注销 失效 关闭 中止 终止 cancel void revoke withdrawn terminate"
    " closed cancelled cancellation annulé storniert cancelado dibatalkan delete",
    "DAMAGE": "破损 损坏 毁损 受损 毁 渗漏 漏 受潮 浸湿 污染 变形 损毁 污损 破裂 damage broken"
    " wet leak crushed torn rewrap spoiled tampered endommagé beschädigt dañado rusak"
    " contaminated",
    "LOST": "被窃 失窃 寻获 下落不明 丢失 遗失 丢 失踪 短少 少件 缺件 被盗 找不到 下落 去向不明"
    " 灭失 丢件 缺少 未找到 lost loss missing stolen theft shortage untraceable pilferage located"
    " hilang perdu",
    "DELAY": "未赶上 未搭上 未能搭上 误班 延宕 延误 延迟 延时 滞留 积压 爆仓 拥堵 晚点 误点 顺延"
    " 暂缓 延后 延期 错过 推迟 暂停 停滞 late delay backlog congestion behind_schedule postpone"
    " disrupt suspend stranded interrupt slow retard verzögert verspätet retraso tertunda overdue"
    " held_up",
    "TROUBLE": "恶劣 豪雨 风球 塞车 动乱 天气 台风 暴雨 大雪 雨雪 疫情 封路 封城 罢工 事故 故障"
    " 停运 交通 灾害 地震 战争 不可抗力 管制 停电 火灾 天候 施工 中断 机械 抛锚 出轨 停飞 停驶"
    " 暴动 骚乱 洪水 淹水 防疫 车祸 抢劫 恶劣天气 自然灾害 weather storm snow hurricane typhoon"
    " strike riot unrest accident breakdown derail derailment mechanical force_majeure lockdown"
    " quarantine flood earthquake disaster emergency outage peak volume tornado blizzard fire war"
    " conflict robbery incident traffic fog ice wind crash train rail pandemic covid curfew bomb",
    "ISSUE": "异常 问题 问题件 疑难 错误 疑难件 不符 有误 exception problem issue irregularity"
    " error abnormal anomaly discrepancy alert incidencia trouble failed_to",
    "ADDRESS": "地址 门牌 街道 邮编 楼层 门牌号 路名 区号 address addr zip postcode postal_code"
    " street suite apartment house_number adresse dirección indirizzo alamat city_name",
    "WRONG": "欠详 缺漏 遗漏 不存在 查无此址 无此人 无此公司 脱落 不足 错分 错发 错误 误送 错送"
    " 误分 不详 不全 不符 不明 不清 有误 空号 无法辨识 不正确 错 误投 模糊 incorrect wrong"
    " invalid incomplete insufficient bad missort misroute missent misship misdirect unclear"
    " illegible inaccurate mismatch mislabel unknown unreadable inadequate incompleta incorrecta"
    " unvollständig misrouted missorted",
    "ABSENT": "未营业 停业 休假 休业 闭店 盘点 公休日 未开门 没开门 外出中 无人收件 不在 外出"
    " 无应答 无人应答 联系不上 无法联系 休息 放假 关门 打烊 下班 关机 不在家 未应门 公休 搬迁"
    " 无人接听 停机 搬走 迁移 离职 出差 查无此人 他往 无人在 absent home one unavailable closed"
    " answer contact vacation holiday gone_away moved unreachable away deceased angetroffen"
    " ausente assente unattended respond responding call",
    "FULL": "满 已满 爆满 满格 full capacity overflow overcrowded blocked",
    "PAPERS": "委任书 统一编号 文件 资料 发票 单证 证件 身份证 许可 实名 证明 申报 委任 补件"
    " document documentation invoice paperwork declaration id passport license licence permit"
    " eori kyc paper certificate",
    "TAX": "关税 税 税款 税费 税金 duty dutie tax vat tariff gst ioss",
    "PAY": "付款 缴 运费 货款 到付 支付 付 缴纳 付清 费用 代收货款 paid payment pay cod charge"
    " cash fee freight_charge nonpayment unpaid",
    "STOP": "停止 中止运送 拦截 召回 截留 截停 追回 拦 截件 intercept interception recall stop",
    "LABEL": "托运单 货运单 提单 追踪编号 寄件编号 寄件代码 列印 面单 标签 条码 运单 单号 运单号"
    " 追踪单号 label barcode waybill awb tracking_number manifest étiquette etikett",
    "ORDER": "出货 建立 成立 产生 制作 寄件单 出货单 备妥 下单 订单 接单 预报 建档 打单 备货 拣货"
    " 出单 已发货 发货 order book create pre_advice prealert generated picking commande"
    " bestellung pedido pesanan prepare preparing",
    "INFO": "信息 资料已 数据 电子 information info data electronic electronically advise"
    " notified edi transmitted submitted informationen",
    "NOTIFY": "便条 通知单 通知卡 邮卡 推播 短信 通知 电邮 提醒 告知 致电 sms notification notify"
    " email message card notice reminder avis mail_sent",
    "AGAIN": "择期 再次 重新 二次 改期 改日 另约 择日 次日 明日 明天 改天 下次 后续 再 稍后 again"
    " another reschedule reattempt next tomorrow retry second later future redelivery re_attempt"
    " deferred",
    "ATTEMPT": "尝试 曾 attempt try tried visit",
    "TODAY": "今日 今天 本日 当日 today same_day heute aujourd oggi hari",
    "EXPIRED": "逾时 逾 届满 逾期 超期 过期 期限 超时 超过 未领 到期 期满 期间 expire exceed"
    " unclaimed uncollected overdue deadline retention elapsed not_collected period",
    "DESTROY": "销毁 废弃 弃件 抛弃 弃置 弃 destroy dispose disposal abandon abandonment"
    " destruction discard scrapped",
    "SEIZE": "扣留 扣押 扣货 扣件 没收 查扣 暂扣 扣 seize seizure detain detention confiscate"
    " impound",
    "INSPECT": "查验 检查 审核 审查 安检 检疫 验货 抽检 审阅 抽查 核验 x光 inspect inspection"
    " examine examination review screen security verify verification check x_ray audit",
    "RELEASE": "放行 释放 释出 解除 排除 解决 恢复 release resolve resume lift cleared freigegeben",
    "AREA": "超区 超范围 范围 服务区 偏远 派送范围 超出 unserviceable unserved delivery_area"
    " service_area remote not_serviced out_of coverage",
    "BANNED": "违禁 禁运 禁止 禁寄 危险品 带电 液体 限制 违禁品 管制品 prohibited dangerous"
    " restrict embargo forbidden counterfeit hazardous illegal not_allowed battery contraband",
    "SIZE": "超重 超长 超大 超限 超材 体积 重量 称重 尺寸 oversize overweight weight weigh"
    " dimension too_large too_big size",
    "CASE": "搜寻 协查 工单 投诉 理赔 客服 赔付 查询 核实 调查 核查 追查 协寻 赔偿 case ticket"
    " claim investigation investigate inquiry enquiry trace tracer complaint dispute search query",
    "RATE": "评价 好评 满意 评分 问卷 打赏 五星 rating survey feedback tip rate",
    "PART": "部分 其中 剩余 其余 未到齐 partial partially remaining part",
    "IF": "如 若 是否 如果 如有 倘 if unless otherwise once",
    "SCAN": "扫描 扫码 scan scanned scanner pda",
    "VEHICLE": "出车 派送车 货车 车辆 送货车 派送车辆 van vehicle truck lorry bike",
    "OUT": "外出派送 出局 外出投递 派送中 派件中 配送中 投递中 送货中 派送途中 out_for on_road"
    " with_courier with_driver with_delivery ofd runsheet",
    "NEAR": "附近 即将到达 楼下 即将送达 您的地址 nearby near your_door your_address"
    " your_location outside",
    "CHANGE": "变更 更改 修改 更正 更新 改派 改址 改 change update amend correct correction"
    " redirect reroute modified revise",
    "OPEN": "开始 启动 展开 发起 open start initiate launch begin",
    "PARTNER": "承运商 服务商 合作商 代理商 第三方 尾程 末端 当地邮政 落地配 carrier operator"
    " agent postal provider evri usps dpd hermes",
}
_LATIN = re.compile("[a-zà-ÿ]+")
_ENDINGS = ("ing", "ed", "es", "s", "e", "y")
_SHORTEST_STEM = 4


def stem(word: str) -> str:
    """A Latin word without its ending."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word


def _meanings() -> dict[str, str]:
    """The concept of each Chinese word, Latin word, stem of one and pair of stems."""
    listed = [(word, concept) for concept, words in _WORDS.items() for word in words.split()]
    found = dict(reversed(listed))
    for word, concept in listed:
        found.setdefault(" ".join(map(stem, word.split("_"))), concept)
    return found


_MEANINGS = _meanings()
_LONGEST: dict[str, int] = {}
for _word in _MEANINGS:
    if _word[0] > "\u4dff":
        _LONGEST[_word[0]] = max(len(_word), _LONGEST.get(_word[0], 0))


def concepts(folded: str) -> list[str]:
    """
    The concepts of a folded text: those of its Chinese words in order, then of its Latin ones.

    Of words that overlap the first and longest counts; a concept does not follow itself.
    """
    found = [""]
    at, size = 0, len(folded)
    while at < size:
        step = 1
        for length in range(_LONGEST.get(folded[at], 0), 0, -1):
            concept = _MEANINGS.get(folded[at : at + length])
            if concept:
                if concept != found[-1]:
                    found.append(concept)
                step = length
                break
        at += step
    words = _LATIN.findall(folded)
    stems = [stem(word) for word in words]
    at, size = 0, len(words)
    while at < size:
        concept = _MEANINGS.get(" ".join(stems[at : at + 2])) if at + 1 < size else None
        step = 2 if concept else 1
        concept = concept or _MEANINGS.get(words[at]) or _MEANINGS.get(stems[at])
        if concept and concept != found[-1]:
            found.append(concept)
        at += step
    return found[1:]
