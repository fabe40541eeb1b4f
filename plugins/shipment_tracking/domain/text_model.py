"""
The learned reader of trace texts: a linear model over character n-grams.

``texts.npz`` holds its weights; ``make train-texts`` writes it. A text is folded first, so that one
wording has one form in traditional or simplified characters, full or half width, with whatever
digits or stars.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from shipment_tracking.domain.concepts import concepts
from shipment_tracking.domain.statuses import Status

if TYPE_CHECKING:
    import numpy as np

WEIGHTS = Path(__file__).with_name("texts.npz")
LONGEST_GRAM = 4

# The traditional characters of traces; those that look alike in both scripts need no line.
_TRADITIONAL = (
    "丟並亂亞佇佈佔併來侖係倉個們倫偉偽傑傘備傢傭傳債傷傾僅僑僱價儀億儘償優儲兌兒內兩冊凈凍凱"
    "別刪則剛創劃劇劉劍劑勁動務勝勞勢勳勵勸區協卻厭厲參吳呂員問啟喚喪喬單嗎嗚嘆嘗嚇嚴囉囑國圍"
    "園圓圖團執堅堯報場塊塗塵墊墜墳壇壓壘壞壢壩壽夠夥夾奪奮婦媽孫學宮實寧審寫寬寵寶將專尋對導"
    "尷屆屍屜層屬岡島峽崗嶄嶺嶽帥師帳帶幟幣幫幹幾庫廁廂廈廚廟廠廢廣廳張強彈彌彎彙後徑從徵徹悶"
    "惡惱愛態慘慣慶憑憤憲憶懇應懶懷懸懼戀戰戲戶拋捨捲掃掙掛採揀揚換揮損搖搶撥撫撲擁擇擊擋擔據"
    "擬擰擱擴擺擾攏攔攜攝攤攬敗敘敵數斂斬斷於時晉晝暈暢暫曆曉曠曬書會東條棄棟棧棲楊楓業極榮構"
    "槍樁樂樓標樣樹橋機檔檢檯檸櫃櫥欄權歐歡歲歷歸殘殲殺殼毀毆氈氣氫決沒沖況洩涼淚淨淪淵淺減渦"
    "測渾湊湧湯準溝溫溼滅滯滲滷滿漁漢漲漸漿潑潔潛潤澀澤濃濕濘濟濤濫濱濾瀏瀝瀾灑灘灣災為烏無煉"
    "煙煥煩熱燈燒燙營爐爛爭爺爾牆牽犧狀猶獄獅獎獨獲獵獸獻現瑋瑪環璽產甦畝畢畫異當痠瘋療癒癢發"
    "皺盃盞盡監盤盧眾睜矚矯確碼磚礎礦禍禦禮禿秈稅種稱穀積穩窩窮竄竅竇竊競筆筍節範築簡簽籃籠籤"
    "糧紀約紅紋納紐純紗紙級紛紡紮細紹終絃組結絕絡給統絲綁綑經綜綠維網綿緊緒線緝緣編緩練縣縫縮"
    "縱縴總績織繞繩繪繫繳繼續纏纜罈罰罷羅羨義習翹聖聞聯聰聲聳職聽肅脫脹腎腦腸膚膠膽臉臟臥臨臺"
    "與興舉舊艙艦莊莖華菸萇萊萬葉蒐蓋蓮蔔蔣蔭蕭薈薦薩藝藥蘆蘇蘋蘭處虛號虧蝕蝦蟲蠻術衛衝裏補裝"
    "裡製複褲褻襯襲見規視親覺覽觀觸訂計訊討訓訖託記訪設許訴診註詐評詞詢試詩話該詳誇誌認語誠誡"
    "誤說誰課調談請論諮諸諾講謝謹證識譜議護譽讀變讓豈豎豐豔豬貓貝負財貢貧貨販責貴買費貼貿資賓"
    "賞賠賢賣質賬賴購贈贏贓趕趙趨跡踐蹟蹤躍車軌軍軒軟較載輔輕輛輝輩輪輯輸轄轉轟辦辭農迴這連週"
    "進遊運過達違遞遠適遲遷選遺遼邁還邊郵鄉鄧鄭鄰鄲醜醫醬釋釘針鈔鈕鈴鉛鉤銀銅銷鋁鋒鋪鋰鋼錄錘"
    "錢錦錨錫錯鍊鍋鍵鎖鎮鎳鏈鏟鏡鐘鐵鑑鑒鑰鑽鑿長門閃閉開閒間閘閣閱闆闔關陝陣陰陳陸陽隊階際雖"
    "雙雜雞離難雲電霧靈靜響頁頂項順須預頗領頭頻題額顏願類顧顯風颱飄飛飯飲飾餅養餘館餵馬馮駁駐"
    "駕駛騎騙驗驚驛驟髒體鬆鬥魚鮮鳥鳳鴨鵬鹼鹽麗麥麵黃點黨齊齒龍龜"
)
_SIMPLIFIED = (
    "丢并乱亚伫布占并来仑系仓个们伦伟伪杰伞备家佣传债伤倾仅侨雇价仪亿尽偿优储兑儿内两册净冻凯"
    "别删则刚创划剧刘剑剂劲动务胜劳势勋励劝区协却厌厉参吴吕员问启唤丧乔单吗呜叹尝吓严啰嘱国围"
    "园圆图团执坚尧报场块涂尘垫坠坟坛压垒坏坜坝寿够伙夹夺奋妇妈孙学宫实宁审写宽宠宝将专寻对导"
    "尴届尸屉层属冈岛峡岗崭岭岳帅师帐带帜币帮干几库厕厢厦厨庙厂废广厅张强弹弥弯汇后径从征彻闷"
    "恶恼爱态惨惯庆凭愤宪忆恳应懒怀悬惧恋战戏户抛舍卷扫挣挂采拣扬换挥损摇抢拨抚扑拥择击挡担据"
    "拟拧搁扩摆扰拢拦携摄摊揽败叙敌数敛斩断于时晋昼晕畅暂历晓旷晒书会东条弃栋栈栖杨枫业极荣构"
    "枪桩乐楼标样树桥机档检台柠柜橱栏权欧欢岁历归残歼杀壳毁殴毡气氢决没冲况泄凉泪净沦渊浅减涡"
    "测浑凑涌汤准沟温湿灭滞渗卤满渔汉涨渐浆泼洁潜润涩泽浓湿泞济涛滥滨滤浏沥澜洒滩湾灾为乌无炼"
    "烟焕烦热灯烧烫营炉烂争爷尔墙牵牺状犹狱狮奖独获猎兽献现玮玛环玺产苏亩毕画异当酸疯疗愈痒发"
    "皱杯盏尽监盘卢众睁瞩矫确码砖础矿祸御礼秃籼税种称谷积稳窝穷窜窍窦窃竞笔笋节范筑简签篮笼签"
    "粮纪约红纹纳纽纯纱纸级纷纺扎细绍终弦组结绝络给统丝绑捆经综绿维网绵紧绪线缉缘编缓练县缝缩"
    "纵纤总绩织绕绳绘系缴继续缠缆坛罚罢罗羡义习翘圣闻联聪声耸职听肃脱胀肾脑肠肤胶胆脸脏卧临台"
    "与兴举旧舱舰庄茎华烟苌莱万叶搜盖莲卜蒋荫萧荟荐萨艺药芦苏苹兰处虚号亏蚀虾虫蛮术卫冲里补装"
    "里制复裤亵衬袭见规视亲觉览观触订计讯讨训讫托记访设许诉诊注诈评词询试诗话该详夸志认语诚诫"
    "误说谁课调谈请论咨诸诺讲谢谨证识谱议护誉读变让岂竖丰艳猪猫贝负财贡贫货贩责贵买费贴贸资宾"
    "赏赔贤卖质账赖购赠赢赃赶赵趋迹践迹踪跃车轨军轩软较载辅轻辆辉辈轮辑输辖转轰办辞农回这连周"
    "进游运过达违递远适迟迁选遗辽迈还边邮乡邓郑邻郸丑医酱释钉针钞钮铃铅钩银铜销铝锋铺锂钢录锤"
    "钱锦锚锡错炼锅键锁镇镍链铲镜钟铁鉴鉴钥钻凿长门闪闭开闲间闸阁阅板阖关陕阵阴陈陆阳队阶际虽"
    "双杂鸡离难云电雾灵静响页顶项顺须预颇领头频题额颜愿类顾显风台飘飞饭饮饰饼养余馆喂马冯驳驻"
    "驾驶骑骗验惊驿骤脏体松斗鱼鲜鸟凤鸭鹏碱盐丽麦面黄点党齐齿龙龟"
)
_FOLDS = str.maketrans(_TRADITIONAL, _SIMPLIFIED) | dict.fromkeys(map(ord, "123456789*"), "0")
TRADITIONAL = frozenset(_TRADITIONAL)
_WORD = re.compile(r"[a-z]+")
# Thanks and adverts say nothing of the parcel, but mostly follow a signature.
_TAIL = re.compile(
    r"(?:[,。;!( ]*(?:感谢(?:您|选择|使用|支持)|(?:期待|欢迎)(?:您|再次)|祝您|五星|好评|打赏|"
    r"如有(?:任何)?(?:疑问|问题|不便)|起早|相逢是缘)[^,。;!]*(?:$|[,。;!]+))+"
)
_LEAST_LEFT = 4


def fold(text: str) -> str:
    """
    The text in lower case, half width and simplified characters, each digit and star as 0.

    Its thanks and adverts are left out.
    """
    folded = unicodedata.normalize("NFKC", text).lower().translate(_FOLDS)
    told = _TAIL.sub(",", folded)
    return told if len(told) > _LEAST_LEFT else folded


def grams(folded: str) -> list[str]:
    """
    Pieces of one to four characters, both ends marked, Latin words alone and in pairs, concepts.

    A concept counts alone and with each of the next two. A piece may come more than once.
    """
    text = f"^{folded}$"
    size = len(text)
    pieces = list(text)
    for length in range(2, LONGEST_GRAM + 1):
        pieces += [text[at : at + length] for at in range(size - length + 1)]
    words = _WORD.findall(folded)
    if words:
        pieces += [f" {word}" for word in words]
        pieces += [f" {one} {two}" for one, two in pairwise(words)]
    meant = concepts(folded)
    pieces += meant
    pieces += [f"{one} {two}" for one, two in pairwise(["^", *meant, "$"])]
    pieces += [f"{one}  {two}" for one, two in zip(meant, meant[2:], strict=False)]
    return pieces


class Guess(NamedTuple):
    """
    A model's answer.

    :param margin: how far ``status`` scores above the next.
    :param unsigned: the best status besides ``signed``.
    """

    status: Status
    margin: float
    unsigned: Status


class TextModel:
    """
    Scores of each status for a text.

    :param vocabulary: the piece of each row of ``weights``.
    :param weights: int8, pieces x statuses; ``scales`` and ``biases`` hold one float a status.
    :param rareness: uint8, of each piece; a text with rarer pieces has the longer vector.
    :param unit: what one step of ``rareness`` adds to the length squared.
    :param about: date, data hash, settings and measured figures.
    """

    def __init__(
        self,
        vocabulary: Iterable[str],
        statuses: Iterable[str],
        weights: "np.ndarray[Any, Any]",
        scales: "np.ndarray[Any, Any]",
        biases: "np.ndarray[Any, Any]",
        rareness: "np.ndarray[Any, Any]",
        unit: float,
        about: dict[str, Any],
    ) -> None:
        self.rows = {piece: row for row, piece in enumerate(vocabulary)}
        self.statuses = [Status(status) for status in statuses]
        self.weights = weights
        self.scales = scales
        self.biases = biases
        self.rareness = rareness
        self.unit = unit
        self.about = about

    def guess(self, folded: str) -> Guess:
        """The status that scores best for a folded text."""
        known: set[Any] = set(map(self.rows.get, grams(folded)))
        known.discard(None)
        scores = self.biases
        if known:
            pieces = list(known)
            sums = self.weights.take(pieces, axis=0).sum(axis=0, dtype="int32")
            length = sqrt(self.rareness.take(pieces).sum(dtype="int32") * self.unit)
            scores = sums * self.scales / length + scores
        ranked = scores.tolist()
        best, next_best = sorted(ranked)[:-3:-1]
        status = self.statuses[ranked.index(best)]
        if status is not Status.SIGNED:
            return Guess(status, best - next_best, status)
        return Guess(status, best - next_best, self.statuses[ranked.index(next_best)])


@cache
def load(path: Path = WEIGHTS) -> TextModel:
    """The shipped model, read once a process."""
    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        return TextModel(
            bytes(file["vocabulary"]).decode().split("\n"),
            file["statuses"].tolist(),
            file["weights"],
            file["scales"],
            file["biases"],
            file["rareness"],
            float(file["unit"]),
            json.loads(bytes(file["about"])),
        )


def save(model: TextModel, path: Path) -> None:
    """Write a model; the same model gives the same bytes."""
    import numpy as np

    def as_bytes(text: str) -> "np.ndarray[Any, Any]":
        return np.frombuffer(text.encode(), dtype=np.uint8)

    np.savez_compressed(
        path,
        vocabulary=as_bytes("\n".join(model.rows)),
        statuses=np.array([str(status) for status in model.statuses]),
        weights=model.weights,
        scales=model.scales,
        biases=model.biases,
        rareness=model.rareness,
        unit=np.array(model.unit),
        about=as_bytes(json.dumps(model.about, ensure_ascii=False, sort_keys=True)),
    )
