"""
The rules that deny a signature.

A text is signed only where words that claim a signature are left once every rule has taken out what
it denies. Patterns read a folded text: lower case, simplified, half width, digits and stars as 0.
"""

import re
from typing import NamedTuple


class Denial(NamedTuple):
    """
    A rule that denies a signature.

    :param pattern: what it takes out of the text.
    :param denies: a text that is not a signature because of it.
    :param allows: a signature that looks alike and stays one.
    """

    id: str
    reason: str
    pattern: str
    denies: str
    allows: str


_SIGN = r"(?:签收|妥投|投妥|签字|签名|收货|送达|交付|派送成功|投递成功)"
_REST = r"[^,。;!]*"
# Said of a refusal or a return that was taken back before the parcel was signed for.
_AFTER_ALL = (
    r"^(?!.*(?:(?:撤[销回]|取消)(?:了)?(?:退|拒)|继续派送|同意|更正|追回|改为|后来|误退"
    r"|not refused))"
)

DENIALS: tuple[Denial, ...] = (
    Denial(
        "withdrawn",
        "A signature that failed or was taken back",
        r"^.*(?:反签收|误(?:点|按|刷|扫|操作)?了?(?:签|配达|妥投)|(?:撤销|撤回|取消|作废|否认|虚假|误|假)(?:了)?(?:点|操作)?签收"
        r"|签收(?:录入)?(?:失败|撤销|异常|有误|取消|作废|错误)|signature (?:was )?(?:withdrawn"
        r"|void)"
        r"|(?:scan|status|event|signature|delivered|delivery)\b[^,.;]{0,20}\b(?:removed|deleted"
        r"|reversed|revoked"
        r"|voided|retracted|cancell?ed)\b"
        r"|(?:签收|妥投|[派配]完|送达|配达|完成)[^,。;]{0,4}(?:状态|记录|扫描)[^,。;]{0,2}"
        r"(?:删除|取消|撤[销回])"
        r"|[又再](?:送|带|退|取)回|(?:交还|还给|退给)[^,。;]{0,4}(?:快递员|派件员|配送员|司机|小哥)"
        r"|(?:签收|妥投)[,。]?(?:后)?改派|signed in error|deliver(?:y|ed) in error|misdeliver).*$",
        "失败签收录入，签收失败",
        "本人签收，签收成功",
    ),
    Denial(
        "part",
        "Only a part of the pieces is signed",
        r"^.*(?:(?<![/0])0+/0+(?![/0]).{0,3}签收|部分(?:包裹|快件|货物|商品|件)?(?:已)?(?:签收"
        r"|妥投)"
        r"|0+[件个](?:包裹|快件)?中(?:的|有)?0+[件个]|少件|短少|未完成"
        r"|(?:signed|deliver\w*|received|collected|accepted)\b[^,.;]{0,20} 0+ (?:out )?of 0+"
        r"|(?<![0.])0{1,2} ?%|(?<![/0])0+/0+ (?:piece|pcs|parcel|package|item)|delivered short"
        r"|[二两三四五六七八九十0][件箱个票][里中](?:面|头|的)?(?:已|只|先)?签"
        r"|其余|剩余|余下|(?:还|尚)(?:有|差|缺).{0,6}(?:件|箱)"
        r"|\b0+ (?:out )?of (?:\w+ )?0+\b[^,.;]{0,30}\b(?:deliver|sign|receiv|collect|accept)\w*"
        r"|\b(?:others?|rest) (?:follow|is|are|will|to)\b|\bstill (?:to come|in transit)\b"
        r"|partial(?:ly)? deliver|part(?:ial)? delivery|remaining (?:piece|package|parcel"
        r"|item)).*$",
        "包裹 1/3 已签收，其余在途",
        "3件全部签收",
    ),
    Denial(
        "paperwork",
        "A paper or a message is signed for or delivered, not the parcel",
        r"(?:proof of delivery|\bpod\b) (?:was |has been |is )?(?:requested|pending|required"
        r"|unavailable"
        r"|upload\w*|sent|e-?mailed|attached|scanned|printed)[^,.;]*"
        r"|\bsign(?:ed|ing)?\b(?: \w+){0,2} (?:form|contract|declaration|agreement|waiver|consent"
        r"|invoice"
        r"|paperwork|power of attorney)s?\b[^,.;]*"
        r"|\b(?:form|contract|declaration|agreement|waiver|invoice|paperwork)s?\b(?: \w+){0,2}"
        r" (?:signed|received|accepted|collected|delivered)\b[^,.;]*"
        r"|\breceived (?:an? |the |his |her |their |your )?(?:sms|text|e-?mail|message|notif\w*"
        r"|notice|pin"
        r"|code|card|call|letter|link)\b[^,.;]*"
        r"|[收接]到(?:了)?[^,。;]{0,6}?(?:短信|通知|取[件货]码|验证码|电话|来电)"
        r"|\bdelivery (?:order|appointment|card)\b[^,.;]*"
        r"|(?:送货|提货|交接|装车)单(?:据)?已?(?:由[^,。;]{0,8})?签[收字名章]?|收取(?!保管)[^,。;]{0,6}费[^,。;]*|(?:签收|代签|代收)(?:协议|授权|委托书?|服务)[^,。;]*"
        r"|签收(?:照片?|图片|凭证|影像|底单|存根|联|回[单执]|单(?!位))[^,。;]*"
        r"|(?:货款|款项|钱款|运费)(?:已|经)?(?:[由被][^,。;]{0,8})?(?:签收|收[到取妥讫])[^,。;]*"
        r"|(?:取件|提货|签收)?(?:通知|短信|取件码)(?:单)?已?送达[^,。;]*|签?(?:回单|回执单?"
        r"|资料|单证|发票|合同|保险?单)(?:原件)?已?(?:[由被][^,。;]{0,8})?签收",
        "回单已签收",
        "货物已签收，回单已寄出",
    ),
    Denial(
        "agent",
        "A place takes it in, and the customer is told to collect it there",
        r"^(?!.*(?:取[走出]|已自?[取提]|取[件货]成功|完成取|(?<!请)凭取[件货]码(?:签|自?取)))"
        r".*(?:代[理办收]点|驿站|便利店|超市|小卖部|村委会?|服务[站点]|便民点|合作点|供销社|门店)"
        r"[^,。;】]{0,6}(?:签收|代收|接收)[^,。;]{0,6}[,。;]"
        r".*(?:自[取提]|[来去]取|(?:请|待|通知|等)[^,。;]{0,10}[取领]).*$",
        "乡镇代理点已签收，通知客户自取",
        "乡镇代理点已签收，客户已自取",
    ),
    Denial(
        "taken_by_whom",
        "It was taken, and nobody says whether by a courier or by the customer",
        r"^(?:货[件物]|包裹|快件|商品|订单|您的(?:包裹|快件))?已?(?:经|成功|完成)?(?:取[件货]|提货)"
        r"(?:成功|完成|完毕)?[,。! ]*$",
        "已取件",
        "收件人已取件",
    ),
    Denial(
        "general",
        "It speaks of signatures in general, or of another kind of signing",
        r"(?:签收|妥投|送达|完成|成功)率[^,。;]*|签约[^,。;]*|签收件(?!人)[^,。;]*|配交接"
        r"|(?:完成|成功)[^,。;]{0,4}前(?!台)[^,。;]*"
        r"|(?:delivery|success) rate\b[^,.;]*|\b(?:delivered|signed|received)\b\W*means\b[^.;]*",
        "派送成功率已达标",
        "派送成功，率先签收",
    ),
    Denial(
        "virtual",
        "What is delivered is no parcel",
        r"(?:虚拟(?:商品|物品|货物|订单)|电子(?:券|票|凭证|卡)|卡密|激活码|充值|兑换码)[^,。;]*"
        r"|(?:digital (?:item|goods|content|code|product|order)|virtual|e-?(?:ticket|book"
        r"|voucher|gift card)s?|download|voucher)\b[^,.;]*",
        "Digital item delivered to your account",
        "Digital camera delivered to the recipient",
    ),
    Denial(
        "question",
        "It asks whether the parcel was signed for, or may be left somewhere",
        r"[^,。;!?]*(?:吗|可否|能否|要不要|好不好|行不行)[^,。;!?]*"
        r"|[^,。;!?]*(?:签收|妥投|收到|收货|送达|取走)(?:了)?\?(?=.)"
        r"|\b(?:did|do|does|has|have|can|could|may|should|would|is|was|are)\b"
        r"[^,.;?]*\b(?:you|your|we|the)\b[^,.;?]*\?",
        "包裹已签收吗，请回复",
        "包裹已签收，您满意吗",
    ),
    Denial(
        "wish",
        "Somebody says what would do, or what comes of it",
        r"[^,。;!]*(?:即可|就行|就好|便可|就可以)[^,。;!]*"
        r"|\b(?:would like|wants?|wish(?:es)?|prefers?)\b[^,.;]*|\bby signing\b[^.;]*",
        "客户回复：放门口就行",
        "已签收，凭单号评价即可",
    ),
    Denial(
        "task",
        "A task is given to a courier, or a time or an address is settled",
        r"(?:[派配]送|派[件单]|投递|送货|取件)[^,。;]{0,8}(?:分[配派]|指派|派[单发]|下发"
        r"|接单|任务已?接[收受])[^,。;签]*"
        rf"|(?:确认|核[实对]|选择|更新|登记|填写|提供|设置)(?:了|好)?(?:{_SIGN}|收件|取[件货]"
        rf"|提货|自提"
        r"|[派配]送)的?(?:时间|日期|地[址点]|方式|信息|电话)[^,。;签]*"
        r"|(?:完成|成功|确认|提交)(?:了)?(?:收货|[取收]件|[取提]货|自提|签收|[派配]送"
        r"|送货)预约[^,。;签]*"
        r"|(?:收[件货]人|客户|买家|用户|本人)(?:已|成功|完成)*预约(?:成功|完成)?[^,。;签取提]*",
        "收件人已确认收货时间",
        "收件人已确认收货",
    ),
    Denial(
        "open",
        "It has come to the place, but nobody has taken it yet",
        r"^(?!.*(?:已(?:[被由][^,。;待等未]{0,10})?(?:签收|妥投)|签收(?:成功|完成|人[:是])))"
        r".*(?:(?:(?<!招)待|等[待候]?|尚未|还未)(?:收[件货][人方]|客户|买家|对方)?(?:来|的)?"
        r"(?:签[收字]|签?回单|盖章|卸[货车]|验[收货]|确认)"
        r"|(?:收[件货]人|客户)(?:[尚还暂]|还没)?未(?:签收|确认)|货?(?:尚|还)未卸).*$"
        r"|^.*(?:收[件货]人|客户|买家|用户|业主|村民)[尚还暂]?(?:未|没有?)[来去前往]{0,2}[取领].*$"
        r"|^.*\b(?:pending|awaiting|waiting for)\b[^,.;]{0,24}"
        r"(?:confirm|accept|signature|unload|inspect).*$",
        "货物送达，待卸货",
        "货物已送达并卸货，已签收，待回单返回",
    ),
    Denial(
        "condition",
        "What is true only if something else is",
        rf"(?:[如若](?:需|要|您|未|有|果|遇|不|无|对|收|客|本|显示|已|系统)|若|倘|一旦|是否"
        rf"|假如|除非|到[店站]后(?!.*已)){_REST}"
        r"|\bif (?:you|the|not|no|item|parcel|package|un)[^.;]*|\b(?:unless|once) [^.;]*"
        r"|\b(?:delivered|signed|received) ?\?",
        "如已签收请忽略",
        "已签收，如您未收到请联系客服",
    ),
    Denial(
        "promise",
        "A signature that is still to come",
        r"(?:预计|预期|(?:承诺|答应)(?=[^,。;]{0,2}(?:[今明]|晚上|[上下]午|马上|尽快))|计划|预定|即将"
        r"|将(?:于|由|在|会|为|送|派|被)|准备|等待|等候"
        r"|(?<!平)等(?=.{0,8}签收)"
        r"|正[在向往]|可由|(?<!招)待(?![人补])|以便|方便|便于|避免|防止|争取|尽快|稍后|随后|今日内|(?:明"
        r"|次|改|择|后)[天日](?!已|撤|同意))"
        rf"{_REST}"
        r"|(?:\b(?:will|shall|to|can|may|should|must|might)\b(?: \w+)? (?:be|have been) ?"
        r"|\bfor (?=deliver|collect|pick)"
        r"|\b(?:expected|estimated|scheduled|planned|due|about|ready|guaranteed|awaiting|eta"
        r"|waiting|pending|"
        r"attempting|preparing|out|on its way|transit|en ?route)\b)[^,.;-]*"
        r"|[^,.;]*\bguaranteed\b"
        r"|[^,.;]*(?<!\bas )(?<!\bwhere )(?<!\byou )(?<!customer )\brequested(?= *(?:[,.;]|$))",
        "预计明天签收",
        "已签收，签收人：本人",
    ),
    Denial(
        "request",
        "Somebody is asked to sign or to collect",
        rf"(?:(?<!申)请(?!假){_REST}|注意{_REST}|提醒{_REST}|要求[^,。;!已]{{0,10}}{_SIGN}"
        r"|(?<![按应依]客户)(?<![按应依]收件人)要求[^,。;!已]{0,4}(?:放|留|置)[^,。;!已]*"
        rf"|务必{_REST}"
        rf"|凭(?:码|取件码|取货码)?(?:来|到|去){_REST}|签收(?:[前后时码]|超[时期]|逾期|预警|二维码){_REST}|(?:变更|更改|修改"
        rf"|改址|改派)(?!后?[^,。;!未待]{{0,6}}已?(?:成功)?(?:签收|妥投)){_REST}"
        rf"|取件后{_REST}|\bplease\b[^.;]*)",
        "快件到达网点，请您签收",
        "已签收，请放心",
    ),
    Denial(
        "spoken",
        "A signature that is only arranged or talked about",
        r"(?:(?<!按)(?<!按照)(?:通知|联系|安排|电话|短信|预约|取消|更改|嘱咐|委托|催促|劝说"
        r"|说服|告知|派人|拜托|交代|答应|同意|约定|约好|协商))"
        r"[^,。;!已]{0,12}(?:签收|代?收|取件|领取)",
        "快件已由测试小区通知门卫签收",
        "电话联系后，门卫已签收",
    ),
    Denial(
        "disputed",
        "Somebody says that it was not received, or that the wrong one received it",
        r"^.*(?:(?<![如若])(?:未|没有?)收到|未联系上|联系不上|被[偷盗]|报案|冒领|疑似"
        r"|(?<!之前)(?<!此前)(?<!前次)(?<!上次)(?:客户|收件人|本人|用户)不在(?!.*(?:签收|代[收签]|妥投|已放))"
        r"|签收[,。]?.{0,6}(?:否认|异议|争议)"
        r"|(?:签收|妥投|送达)[^。;如若前次]{0,14}(?:未|没有?)(?:实际|真正)?(?:[派配]送|送[达到货]"
        r"|投递|妥投)"
        r"|实际(?:上)?(?:并)?(?:未|没有?)"
        r"|(?:客户|收[件货]人|用户|买家)[^,。;]{0,4}(?:称|反[映馈]|投诉)[^,。;]{0,8}(?:不是|并非"
        r"|非|未|没有?)"
        r"[^,。;]{0,4}(?:本人|签|收)|签收的?(?:不是|并非|是[另别其])|错[投派送]|误投|[投派送]错|串件"
        r"|[,。;](?:客户|收[件货]人|买家)(?:已|正在)?投诉"
        r"|\bdisput\w*|\b(?:lost|stolen)\b"
        r"|\bwrong (?:customer|address|person|house|recipient|door|unit|floor"
        r"|apartment|building|place|suite|office|shop)"
        r"|\b(?:previous|former|other|different) (?:tenant|occupant|resident|owner|recipient)"
        r"|\bden(?:ies|ied)\b|by mistake|before (?:the |actual )*deliver).*$",
        "已放门口，客户未收到",
        "已签收，如未收到请联系快递员",
    ),
    Denial(
        "negation",
        "A signature that did not happen",
        _AFTER_ALL
        + r".*(?:拒签|拒收(?![办无])|拒绝(?:签收|收货|接收|领取)|不愿(?:签|收)|无人签收).*$"
        rf"|(?:未(?!来)|没有?|无法|不能|不便|不予|不肯|不可|无人|暂无|尚无|暂不|不(?=签收|收货|能))"
        rf"[^,。;!已]{{0,8}}(?:{_SIGN}|代?收|取件|提货|领取|自?取)"
        rf"|{_SIGN}(?:不成功|未成功|失败|未果)"
        r"|\b(?:not|never|no|cannot|can't|couldn't|wasn't|unable|un(?=success)|fail\w*|without"
        r"|refus\w*|"
        r"declin\w*|reject\w*|attempt\w*|undeliver\w*|unsuccessful\w*|missed|denied)\b"
        r"(?! (?:signature|answer|one))[^,.;]*|^.*\bundeliver.*$",
        "收件人不在，未签收",
        "无异常，已签收",
    ),
    Denial(
        "return",
        "The sender signs for a return",
        _AFTER_ALL
        + r".*(?:退回|退件(?!需求)|退签|退货(?!无忧|寄件)|退还|退供|退运|退返|召回|售后|返程"
        r"|(?<!退)换货(?!.*(?:新[件机品]|换出))|旧[件机品]|(?:返|送|维)修|厂家[^,。;]{0,4}(?:签收|收货|收到)"
        r"|返厂|返还|(?<!回单)返回|返货|原返|逆向|改退|转退|拦截"
        r"|寄[件方]+[人方]?[^,。;:]{0,4}(?:收|签|撤[回销]|取[走回])|"
        r"(?:商家|卖家|发件人|寄件人|供货商)[^,。;]{0,6}(?:签收|收货|收到)"
        r"|return(?:ed|ing|s)?\b(?! label)|to (?:the )?(?:original )?(?:sender|shipper|merchant"
        r"|seller)|\brts\b|intercept).*$",
        "退件签收，签收人：商家",
        "已签收，如需退件请联系商家",
    ),
    Denial(
        "hub",
        "Somebody on the way takes it in",
        r"(?<!客户)(?:海关|清关行|航空公司|航司|机场|货站|承运[商方人]|中转站?|转运中心"
        r"|分拨中心|分拣中心|处理中心|集散中心|运输中心|海外仓|仓库|"
        r"仓储|入库|集货仓|货代|干线|司机|口岸|代理商|末端|尾程|服务商|合作[商方点])】?(?:已"
        r"|成功|完成|扫描)*"
        r"(?:被|由)?(?:其)?(?:签收|收货|提货|取件|交付)(?![人者]?(?:本人|客户))"
        r"|(?:派[送件]员|快递员|配送员|投递员|分公司|分部|营业部"
        r"|(?<!客户)(?<!买家)[\u4e00-\u9fffa-z]仓)(?:已|成功|扫描)*签收(?!人)"
        r"|(?:送[达至到]|妥投[至到给]?|(?:投递|[派配]送|交付|转交)(?:成功)?[至到给于])"
        r"[^,。;:签客人家]{0,8}(?:网点|投递[部局]|营业[部点]|分公司|分部|支局|邮局|中心局|揽投部"
        r"|集散点"
        r"|分拨点)(?!的?(?:客户|收件人|门卫|前台))"
        rf"|(?:快递员|揽收员|揽件员|收件员|业务员|骑[手士]|外[送卖]员|小哥|司机"
        rf"|师傅){_REST}(?:取[走件货出餐]|揽"
        rf"|收件(?!人))"
        r"|[^,。;]{0,4}交接(?:完成|成功)(?!.*(?:签|盖章))"
        r"|签收(?:入库|上架|到件|入仓|扫描入|文件|总包|单证)|documents? delivered|(?:邮政"
        r"|商家)已?签收|(?:上门|成功)(?:揽收|揽件)"
        r"|(?:(?:deliver\w*|hand\w*|dropped)\b(?! to (?:the )?(?:recipient|addressee|consignee"
        r"|customer|receiver) (?:at|in|on|from)\b)[^,.;]{0,14} (?:to|at)|(?:received|accepted"
        r"|(?:accepted and )?signed(?: for| off)?"
        r"|picked up|collected) (?:by|at)|left (?:with|at))"
        r" (?:the |a |an |our |your |local |final |destination |delivery |next |partner |us"
        r"|(?:recipient|addressee|consignee|receiver|customer|neighbou?r)(?:['’]s|s['’])? (?!at "
        r"|from |in |on )|country |postal )*"
        r"(?:airport|airline|carrier|customs|courier|driver|depot|hub|warehouse|facility"
        r"|sort\w*|partner|"
        r"terminal|linehaul|forwarder|broker|(?:shipping|logistics|delivery) agent|logistics"
        r"|usps|ups|fedex(?! office)|dhl|dpd|gls|tnt|evri|hermes|yodel|purolator|post office|aramex"
        r"|(?:\w+ )?post\b(?! ?(?:box|code))|country\b|(?:royal|\w+) mail\b|parcelforce|postnl"
        r"|postnord|correos|la poste|colissimo|yamato|sagawa|(?:\w+ )?(?:express|branch)\b"
        r"|agent\b(?: for (?:the )?final delivery)?"
        r"(?!,? (?:for (?:the )?(?:recipient|addressee|customer|consignee)|of|front"
        r"|reception|mail ?room|picked))|"
        r"shipper|seller|merchant|vendor|(?:local )?company|\w+ (?:warehouse|hub|depot|carrier"
        r"|courier|airline|company|facility))",
        "包裹已由海外仓签收，待分配尾程",
        "快件已签收，签收人：仓库保管员",
    ),
    Denial(
        "stored",
        "It lies at a station or locker and is still to be collected",
        r"^(?!.*(?:取[走出]|已取|取[件货]成功|完成取|从.{2,20}取件|collected|picked up"
        r"|handing over))"
        r".*(?:[被由](?:【[^】]*】|\[[^\]]*\]|[^,。;]{0,20}[站店柜点市])代收[,\s]*(?:如|感谢|请"
        r"|取件|凭|地址|$)|[被由][^,。;]{0,10}(?:智能|快递|自提|储物)柜签收[。! ]*$"
        r"|[待来]取|未取|保管(?!员)|暂存|暂放|存[放入至]|可(?:到|去|前往|在|凭).{0,20}(?:取|领|提)"
        r"|可以?[来去]?[取领提]"
        r"|取[件货]码(?<!\(凭取件码)[^,。;签取]*$"
        r"|(?:放|送|投|交[给由付予于至到])[至到入达在]?[^,。;签]{0,24}(?:柜|驿站|自提点"
        r"|代[收办]点|提货点|取货点|服务[点站]|快递[点站]|顺丰站|村邮站|便利店)[^,。;签]*$"
        r"|(?:\b(?:to|at|in)(?: \w+){0,6}|\bdelivered\W+(?:parcel|secure|smart))"
        r" (?:locker"
        r"|pick-?up (?:point|station)|parcel ?shop"
        r"|(?:collection|service|access) point|drop-?off (?:location"
        r"|point))\W*(?:\w+\W*){0,5}$).*$",
        "快件已被【云溪驿站】代收，如有问题请电联",
        "客户已从【云溪驿站】取件",
    ),
)

FOREIGN = (
    r"^(?:(?:(?:die |ihre |das |ihr )?(?:sendung|paket)(?: wurde)? )?(?:erfolgreich )?zugestellt"
    r"|(?:(?:el |su )?(?:paquete|envio|envío|pedido)(?: ha sido)? )?entregado(?: al destinatario)?"
    r"|(?:(?:le |votre )?colis )?livré(?: au destinataire)?)[.! ]*$"
)
"""Signatures in other languages, as whole texts: a longer one may deny it in unknown words."""

AGREED = re.compile(
    FOREIGN
    + r"|签收|妥投|投妥|签[字名章]|成功交付|(?:客户|用户|收件人|本人)自提|已送达|取走|领[取走]|已取"
    r"|[派配投][送件递](?:成功|完成)|出库完成|完成出库|自助出库"
    r"|\bdelivered\b|signed|collected|proof of delivery"
)
"""Words that say of themselves that a parcel is signed."""

CLAIM = re.compile(
    AGREED.pattern + r"|签|盖章|领讫|代领|送[达到交至上进]|(?:拎|搬|抬|拿)进|[派递]到[^,。;]{0,8}手"
    r"|投[入进][^,。;]{0,12}(?:箱|门缝)|亲取|took (?:it|them|the \w+|your \w+) in\b"
    r"|(?:taken|emptied) by (?:the )?(?:recipient|addressee|customer|resident)"
    r"|送货(?=上门|入户|成功|完)|交[付由给完予于到]|塞[进在入到]"
    r"|转交|当面|收[货妥取到了下的讫]"
    r"|收件(?![人客地公方网员扫])"
    r"|代[收取]|人.{0,2}收|收$|领[件走]|亲领|取[件货出回用餐]|提[走货取]|自[取提领]|派[遞递]|(?:派|配"
    r"|投递).{0,6}(?:完成|成功|完毕)|信已投$"
    r"|完成.{0,4}(?:派|配|投)|成功[派投配送]|已完成$|离店|留[在给于]|放[在于至到了门]|[拿]"
    r"|配[完达交]|投递至|信箱|给.{1,8}了"
    r"|final delivery|deliver(?:y (?:complete|success|made|confirm|scan))|signature|pick"
    r"|hand(?:ed|ing)|receiv|accept|\bpod\b"
    r"|left (?:in|at|with|on|by|inside|your|the (?:parcel|package|item) (?:in|at|with))|posted"
    r"|placed|letterbox|mailbox"
)
"""Words without which nothing is signed."""

_DENIALS = tuple((rule.id, re.compile(rule.pattern)) for rule in DENIALS)
NO_CLAIM = "no_claim"


class Verdict(NamedTuple):
    """
    What the rules say of a text.

    :param denied_by: the rule that leaves no claim of a signature, or ``no_claim`` for none at all.
    :param agreed: the words that are left say a signature outright.
    :param left: the text without what is denied.
    """

    denied_by: str | None
    agreed: bool
    left: str


def judge(folded: str) -> Verdict:
    """Read a folded text by the rules."""
    if not CLAIM.search(folded):
        return Verdict(NO_CLAIM, False, folded)
    left = folded
    for rule, pattern in _DENIALS:
        left = pattern.sub(" ", left)
        if not CLAIM.search(left):
            return Verdict(rule, False, left)
    return Verdict(None, AGREED.search(left) is not None, left)
