"""
Reads the city of a scan from its text or its reply, and a parcel's way from its scans.

Cities have one spelling: ``杭州``, ``浙江杭州`` and ``浙江省杭州市`` are ``杭州市``. What names no
city for sure stays null: a district, a road named after a city, where a parcel is sent to next.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from shipment_tracking.domain.evidence import Scan
from shipment_tracking.domain.statuses import Status

LONGEST = 20
"""Characters of a city as a reply names it; longer texts are addresses."""

_PROVINCES = """
北京 天津 上海 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南
广东 海南 四川 贵州 云南 陕西 甘肃 青海 台湾 内蒙古 广西 西藏 宁夏 新疆
"""
_CITIES = """
北京 天津 上海 重庆 石家庄 唐山 秦皇岛 邯郸 邢台 保定 张家口 承德 沧州 廊坊 衡水 太原 大同
阳泉 长治 晋城 朔州 晋中 运城 忻州 临汾 吕梁 呼和浩特 包头 乌海 赤峰 通辽 鄂尔多斯 呼伦贝尔
巴彦淖尔 乌兰察布 沈阳 大连 鞍山 抚顺 本溪 丹东 锦州 营口 阜新 辽阳 盘锦 铁岭 葫芦岛 长春 吉林
四平 辽源 通化 白山 松原 白城 哈尔滨 齐齐哈尔 鸡西 鹤岗 双鸭山 大庆 伊春 佳木斯 七台河 牡丹江
黑河 绥化 南京 无锡 徐州 常州 苏州 南通 连云港 淮安 盐城 扬州 镇江 泰州 宿迁 杭州 宁波 温州
嘉兴 湖州 绍兴 金华 衢州 舟山 台州 丽水 合肥 芜湖 蚌埠 淮南 马鞍山 淮北 铜陵 安庆 黄山 滁州
阜阳 宿州 六安 亳州 池州 宣城 福州 厦门 莆田 三明 泉州 漳州 南平 龙岩 宁德 南昌 景德镇 萍乡
九江 新余 鹰潭 赣州 吉安 宜春 抚州 上饶 济南 青岛 淄博 枣庄 东营 烟台 潍坊 济宁 泰安 威海 日照
临沂 德州 聊城 滨州 菏泽 郑州 洛阳 平顶山 安阳 鹤壁 新乡 焦作 濮阳 许昌 漯河 三门峡 南阳 商丘
信阳 周口 驻马店 济源 武汉 黄石 十堰 宜昌 襄阳 鄂州 荆门 孝感 荆州 黄冈 咸宁 随州 仙桃 潜江
天门 长沙 株洲 湘潭 衡阳 邵阳 岳阳 常德 张家界 益阳 郴州 永州 怀化 娄底 广州 深圳 珠海 汕头
佛山 韶关 湛江 肇庆 江门 茂名 惠州 梅州 汕尾 河源 阳江 清远 东莞 中山 潮州 揭阳 云浮 南宁 柳州
桂林 梧州 北海 防城港 钦州 贵港 玉林 百色 贺州 河池 来宾 崇左 海口 三亚 儋州 琼海 成都 自贡
攀枝花 泸州 德阳 绵阳 广元 遂宁 内江 乐山 南充 眉山 宜宾 广安 达州 雅安 巴中 资阳 贵阳 六盘水
遵义 安顺 毕节 铜仁 昆明 曲靖 玉溪 保山 昭通 丽江 普洱 临沧 大理 拉萨 日喀则 昌都 林芝 那曲
西安 铜川 宝鸡 咸阳 渭南 延安 汉中 榆林 安康 商洛 兰州 嘉峪关 金昌 白银 天水 武威 张掖 平凉
酒泉 庆阳 定西 陇南 西宁 海东 格尔木 银川 石嘴山 吴忠 固原 中卫 乌鲁木齐 克拉玛依 吐鲁番 哈密
石河子 库尔勒 义乌 昆山 江阴 张家港 常熟 太仓 宜兴 慈溪 余姚 诸暨 永康 东阳 海宁 桐乡 瑞安
乐清 温岭 晋江 石狮 南安 福清 胶州 寿光 滕州 邳州 丹阳 靖江 启东 如皋 海门 长兴 高碑店 辛集
三河
"""
_OTHERS = {
    "香港": "香港",
    "澳门": "澳门",
    "恩施": "恩施州",
    "湘西": "湘西州",
    "延边": "延边州",
    "凉山": "凉山州",
    "西双版纳": "西双版纳州",
    "楚雄": "楚雄州",
    "红河": "红河州",
    "文山": "文山州",
    "德宏": "德宏州",
    "黔东南": "黔东南州",
    "黔西南": "黔西南州",
    "黔南": "黔南州",
    "临夏": "临夏州",
    "伊犁": "伊犁州",
    "昌吉": "昌吉州",
    "喀什": "喀什地区",
    "阿克苏": "阿克苏地区",
}
_SPELLING = {name: f"{name}市" for name in _CITIES.split()} | _OTHERS

# Names that are words or parts of other names too count with 市 or behind their province only.
_EVERYDAY = """
南安 东阳 丹阳 三河 天门 大同 安康 保山 宝鸡 黄山 中山 白银 白山 白城 通化 日照 长兴 文山 红河
平凉 自贡 来宾 天水 吉安 大理 广安 永康 宜春 安顺 海门 中卫 固原 信阳 南平 三明 六安 安阳 新乡
吉林
"""

_NAMES = "|".join(sorted(_SPELLING, key=len, reverse=True))
_SURE = "|".join(sorted(_SPELLING.keys() - set(_EVERYDAY.split()), key=len, reverse=True))
_PROVINCE = rf"(?:{'|'.join(_PROVINCES.split())})(?:省|市|(?:壮族|回族|维吾尔)?自治区)?[\s,，]*"
_NO_CITY = (
    r"(?!(?:[东南西北中][一二三四]?|[一二三四])?(?:路|街|大街|大道|巷|弄)"
    r"|拉面|小吃|烤|火锅|牛肉|银行|大厦)"
)
_BEFORE = r"(?:^|(?<=[】【\[「(（\s,，、：:；;从由在达开至到抵自心站点局是被-]))"
_CITY = re.compile(
    rf"(?:{_PROVINCE}(?P<of>{_NAMES})|{_BEFORE}(?:(?P<sure>{_SURE})|(?P<full>{_NAMES})(?=市)))"
    rf"(?:市|州|地区)?{_NO_CITY}"
    rf"|^【(?P<named>[\u4e00-\u9fff]{{2,9}}?(?:市|州|盟|县))】"
)
_ANY = re.compile(_NAMES)
_ONWARD = re.compile(
    r"(?:准备)?发往|送往|运往|前往|寄往|转往|下一站|上一站|(?<!到达)目的地|转寄|转投|取件地址|投诉|客服|退回至"
)
"""What follows is another place than where the parcel is."""


@lru_cache(maxsize=4096)
def city_of(text: str, told: str | None = None) -> str | None:
    """
    The city that a scan happened in; ``None`` where nothing says.

    :param text: the scan's text, masked.
    :param told: what the reply gives as its city, if it does; that counts more than the text.
    """
    if told and (name := told.strip()):
        found = _CITY.search(name)
        if found:
            return _spelling(found)
        return name if len(name) <= LONGEST and not name.endswith("区") else None
    if not text.startswith("【") and not _ANY.search(text):
        return None
    onward = _ONWARD.search(text)
    found = _CITY.search(text, 0, onward.start() if onward else len(text))
    return _spelling(found) if found else None


def _spelling(found: re.Match[str]) -> str:
    name = found["of"] or found["sure"] or found["full"]
    return _SPELLING[name] if name else str(found["named"])


@dataclass(frozen=True, slots=True)
class Way:
    """
    What a parcel's scans say of its way.

    :param picked_up_at, out_for_delivery_at: of its first scan that says so.
    :param origin_city: where it set out; null where no scan until it first moved names a city.
    :param last_city: where it was seen last: a scan that names no city happened where the one
        before did. Once it is signed, that is its destination.
    """

    picked_up_at: datetime | None
    out_for_delivery_at: datetime | None
    origin_city: str | None
    last_city: str | None


def way_of(scans: Sequence[Scan]) -> Way:
    """
    The way of a parcel.

    :param scans: those that may lead, by time and position.
    """
    cities = [scan.city for scan in scans if scan.city]
    return Way(
        picked_up_at=_first(scans, Status.PICKED_UP),
        out_for_delivery_at=_first(scans, Status.OUT_FOR_DELIVERY),
        origin_city=next((scan.city for scan in _begin(scans) if scan.city), None),
        last_city=cities[-1] if cities else None,
    )


def _first(scans: Sequence[Scan], status: Status) -> datetime | None:
    return next((scan.occurred_at for scan in scans if scan.status == status), None)


def _begin(scans: Sequence[Scan]) -> Sequence[Scan]:
    """The scans until the parcel first moves, that one included; none that are about delivery."""
    at_sender = (Status.INFO_RECEIVED, Status.PICKED_UP, Status.UNKNOWN)
    still = next(
        (place for place, scan in enumerate(scans) if scan.status not in at_sender), len(scans)
    )
    moves = still < len(scans) and scans[still].status == Status.IN_TRANSIT
    return scans[: still + 1] if moves else scans[:still]
