"""
Takes persons out of trace texts, before anything is hashed, stored or logged.

Mobile, landline and virtual numbers, pick-up codes, and names where couriers and signers are named
become ``*``, and so does what a link has behind its host. Words that class a sign stay (丰巢, 驿站,
家人, 本人), and so do places and carriers' hotlines (95xxx). What a platform has masked in part
(138****5678, 张**) becomes ``*`` too; digits and letters of full width become plain ones first.
"""

import html
import re
from hashlib import blake2b

HASH_VERSION = 2

_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\u200b-\u200f\ufeff]")
_BLANKS = re.compile(r"\s+")
_WIDE = {
    code: code - 0xFEE0
    for code in range(0xFF01, 0xFF5F)
    if chr(code).isalnum() or chr(code) in "＊＋－＃"
}
_ANY_WIDE = re.compile(r"[\uff0b\uff0d\uff03\uff0a\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")
_NOT_TOLD = re.compile(r"[\W_]+")
_ANY_NUMBER = re.compile(r"\d[\d*xX-]{2}")
_NUMBER = re.compile(
    r"(?:(?<![\d*])(?:(?:\+|00)?86[- ]?)?(?:"
    r"1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?:[-转#]\d{1,6})?"  # mobile, virtual number with extension
    r"|0\d{2,3}-+\d{7,8}(?:-\d{1,6})?"  # landline
    r"|400-?\d{3}-?\d{4})"
    r"|[(（]0\d{2,3}[)）]-?\d{7,8}"
    r"|(?:(?<=话)|(?<=话[:：]))0\d{9,11}"
    # Masked in part by the platform.
    r"|(?<![A-Za-z])1[3-9]\d?[*xX]{3,}[\d*]*"
    r"|0\d{2,3}-?\d{0,4}\*{3,}[\d*]*"
    r")(?![\d*])"
)
_PICKUP_CODE = re.compile(
    r"((?:取件码|取货码|提货码|提取码|开箱码)[为是：:\s]*)[A-Za-z0-9][-A-Za-z0-9]*"
)
# Its path and query may show a signature or a door, and change from reply to reply.
_LINK = re.compile(
    r"((?:https?://|www\.)[^\s/?#，。；、）)】\]\"'<>]+)[/?#][^\s，。；、）)】\]\"'<>]*", re.I
)
_ROLE = (
    r"(?:派送业务员|派件业务员|收件业务员|派送员|派件员|派件人|配送员|投递员|快递员|快递小哥|"
    r"派送人|揽收员|揽件员|揽投员|揽收人|揽件人|取件员|取件人|收件员|业务员|小件员|收件人|收货人|寄件人|"
    r"签收人|代收人|联系人|经办人|操作员|扫描员|骑手|小哥|师傅|司机|站长|店长|经理|姓名)"
)
_SURNAME = (
    r"(?:欧阳|司马|上官|诸葛|司徒|夏侯|皇甫|尉迟|慕容|令狐|宇文|长孙|东方|独孤|南宫|公孙|轩辕|申屠|百里|端木|"
    r"公冶|赫连|钟离|澹台|闾丘|司空|鲜于|淳于|太史|呼延|万俟|宗政|拓跋|左丘|公羊|仲孙|闻人|"
    r"[赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕张孔曹严华金魏陶姜谢邹苏潘葛范彭郎鲁韦马方俞任袁柳"
    r"鲍史唐费薛雷贺倪汤罗毕安常傅卞齐康伍余顾孟黄萧尹姚邵汪祁毛狄戴谈宋庞熊纪舒屈项祝董梁杜阮蓝季"
    r"贾江颜郭梅林徐邱骆高夏蔡田胡凌霍万卢莫房丁邓石崔龚程邢裴陆翁段侯武刘叶黎白赖温廖文曾关])"
)
_NAMED = re.compile(
    rf"({_ROLE}(?:是|为)?\s*[：:【\[（(]\s*)(?![】\])）*])"
    r"([^\s，。,.;；：:、】\])）（(\[【<>*\d]{1,12}(?:\*+[\u4e00-\u9fff]?(?![\u4e00-\u9fff]))?)"
)
_NO_NAME = r"(?!安[能排全检]|文[员件]|谢谢|关机|方便|马上|费用|任务|康师傅)"
_GIVEN = r"(?:(?![已未拒不无正代签])[\u4e00-\u9fff]){1,2}"
_BARE_NAMED = re.compile(
    rf"((?:{_ROLE}(?:是|为)?[：:\s]*|交[给由]\s*|签收[：:（(]\s*)){_NO_NAME}{_SURNAME}{_GIVEN}"
    r"(?=\*|[，。,;；（()）】\s]|电话|正在|为您|[已未拒不无]|签收|$)"
)
# Without a role a name is known by its surname and by what it stands between; no place ends so.
_PERSON = rf"({_NO_NAME}{_SURNAME}{_GIVEN})(?<![站点部店局处所司市县区镇乡村路街园厦场楼院校厂])"
_UNNAMED: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    # With words of which a text has one where the pattern is found: to look for them costs less.
    (
        ("1",),
        re.compile(
            rf"(^|[的】），。；：、！,;:!)（(【\[\s]){_PERSON}(?=[\s，,（(【\[]{{0,3}}(?:联系)?(?:电话|手机号?)?"
            r"[\s：:，,]{0,3}(?:\+?86[- ]?)?1[3-9]\d[- ]?[\d*]{4})"
        ),
    ),
    (
        ("已", "正在"),
        re.compile(
            rf"([的点站部司]\s?){_PERSON}"
            r"(?=\s?(?:[（(][^（()）]*[）)]\s?)?(?:已(?:揽|收[件寄取]|取件|派件)|正在))"
        ),
    ),
    (("签收", "代收"), re.compile(rf"([被由]\s?){_PERSON}(?=\s?(?:代为?|代收并)?(?:签收|代收))")),
    (
        ("签收",),
        re.compile(r"([被由]\s?[【\[（(])([\u4e00-\u9fff]{2,4})(?=[】\])）]\s?(?:代为?)?签收)"),
    ),
    (
        ("师傅", "先生", "女士"),
        re.compile(
            rf"(^|[的由被给系排，。,\s])({_NO_NAME}{_SURNAME}(?:{_GIVEN})?)(?=师傅|先生|女士)"
        ),
    ),
)
# A name with stars in it: what is left of it is known by what it stands between.
_STARRED = re.compile(
    rf"(^|[^\u4e00-\u9fff]|[的由被给系是人员]){_SURNAME}[\u4e00-\u9fff]?"
    r"\*+(?:(?![已未拒不无正代签为先女师])[\u4e00-\u9fff])?"
    r"(?=[\s，,。;；（(）)】\]：:]|先生|女士|师傅|正在|为您|已|未|拒|不|无|代|签收|$)"
)
# Not a person: these words tell who or what took the parcel in, or that nobody did.
_KEPT = re.compile(
    r"拒收|拒签|拒绝|退回|退件|"
    r"本人|家人|家属|亲友|朋友|父母|同事|邻居|他人|代收|代签|前台|门卫|保安|物业|收发|传达室|"
    r"驿站|菜鸟|丰巢|快递柜|自提柜|智能柜|柜|超市|便利店|代理点|代办点|服务站|自提点|门店|公司|单位|"
    r"小区|大[学厦]|酒店|医院|商[店贸]|中心|网点|安保|管家|房东|学校|取货码|取件码|签收|收件人|图片|已|凭|在"
)


def mask(text: str) -> str:
    """The text without phone numbers, persons' names and pick-up codes."""
    for words, named in _UNNAMED:
        for word in words:
            if word in text:
                text = named.sub(_star_unless_kept, text)
                break
    if _ANY_NUMBER.search(text):
        text = _NUMBER.sub("*", text)
    # What one name leaves may be the end of the next.
    while "*" in text and (shorter := _STARRED.sub(_star, text)) != text:
        text = shorter
    if "码" in text:
        text = _PICKUP_CODE.sub(_star, text)
    text = _BARE_NAMED.sub(_star, text)
    return _NAMED.sub(_star_unless_kept, text)


def normalise(text: str) -> str:
    """The text masked, without HTML entities and tags, with single blanks and none at its ends."""
    plain = _TAG.sub(" ", _CONTROL.sub("", html.unescape(text)))
    if "://" in plain or "www." in plain:
        plain = _LINK.sub(r"\1/*", plain)
    if _ANY_WIDE.search(plain):
        plain = plain.translate(_WIDE)
    return mask(_BLANKS.sub(" ", plain).strip())


def event_hash(description: str) -> int:
    """
    64 signed bits over the letters and digits of the stored description.

    Brackets, blanks and other signs do not count: platforms change them between two replies. Enough
    since only events of one parcel at one second are told apart by it.
    """
    told = _NOT_TOLD.sub("", description) or description
    digest = blake2b(told.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _star(found: re.Match[str]) -> str:
    # A template such as r"\1*" would cost more than most searches.
    return f"{found[1]}*"


def _star_unless_kept(found: re.Match[str]) -> str:
    return found[0] if _KEPT.search(found[2]) else _star(found)
