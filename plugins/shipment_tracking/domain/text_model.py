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
    "丟並亂亞佇佈佔併來侖係倉個們倫偉側偵偽傑傘備傢傭傳債傷傾僅僑僕僱價儀億儉儘償優儲兌兒內兩冊凈凍"
    "凱別刪則剎剛剝創劃劇劉劍劑勁動務勝勞勢勳勵勸勻匯匱區協卹卻厭厲參叢吳呂員問啓啟喚喪喫喬單嗎嗚嘆"
    "嘗嘩噴噸嚇嚮嚴囉囑國圍園圓圖團執堅堯報場塊塗塵墊墜墮墳墾壇壓壘壞壢壩壯壺壽夠夢夥夾奧奪奮妝娛婁"
    "婦媽嬤嬰孫學宮實寧審寫寬寵寶將專尋對導尷屆屍屜屢層屬岡峯島峽崑崗崙嶄嶺嶼嶽巒帥師帳帶幀幟幣幫幹"
    "幾庫廁廂廈廚廟廠廢廣廬廳張強彆彈彌彎彙彥後徑從復徵徹恆悅悶惡惱愛態慘慣慶憂憐憑憤憫憲憶懇應懲懶"
    "懷懸懼戀戰戲戶拋挾捨捲掃掄掙掛採揀揚換揮損搖搶摟摯摺撐撥撫撲撿擁擇擊擋擔據擠擬擰擱擲擴擺擾攏攔"
    "攙攜攝攤攪攬敍敗敘敵數斂斃斬斷於昇時晉晝暈暉暢暫曁曆曉曠曬書會東枴柵桿條棄棟棧棲楊楓業極榮構槍"
    "槓樁樂樑樓標樞樣樹橋機橢橫檔檢檯檸檻櫃櫥櫻欄權欽歐歡歲歷歸殘殲殺殼毀毆氈氣氫氾汎汙決沒沖況洩洶"
    "涼淒淚淨淪淵淺渙減渦測渾湊湧湯準溝溫溼滄滅滌滬滯滲滷滾滿漁漢漬漲漸漿潑潔潛潤潰澀澆澤濁濃濕濘濟"
    "濤濫濱濺濾瀆瀉瀋瀏瀕瀘瀝瀾灑灘灣災為烏無煉煙煥煩熱燈燉燒燙燜營燦燬燭燴爍爐爛爭爲爺爾牀牆牽犧狀"
    "狹猶獄獅獎獨獲獵獷獸獻現瑋瑣瑤瑩瑪環璽瓊產産甦畝畢畫異當疇疊痠瘋療癒癢癱發皺盃盜盞盡監盤盧眞眾"
    "睏睜瞞矚矯硯碩確碼磚礎礙礦礫祕禍禦禮禿秈稅稜稟種稱穀積穎穢穩窩窪窮窯竄竅竇竊競筆筍節範築篤篩簡"
    "簽籃籌籠籤籬粵糞糧糰糾紀約紅紋納紐純紗紙級紛紡紮細紳紹終絃組結絕絞絡給絨統絲絹綁綑經綜綠綢綫維"
    "綱網綴綵綺綻綿緊緒緖線緝緞緣編緩緬緯練緻縛縣縫縮縱縴總績繃織繕繞繡繩繪繫繭繳繼續纏纜罈罌罰罵罷"
    "羅羣羨義習翹聖聞聯聰聲聳職聽聾肅脅脈脫脹腎腦腳腸膚膠膩膽臉臘臟臥臨臺與興舉舊舖艙艦艷茲荊莊莖莢"
    "華菸萇萊萬葉著蒐蒞蒼蓋蓮蔔蔣蔥蔭蕩蕭薈薊薑薔薦薩藍藝藥藹蘆蘇蘊蘋蘭蘿處虛號虧蝕蝦蟲蟻蠅蠔蠟蠻術"
    "衛衝衞袞裏補裝裡製複褲褸褻襖襪襯襲見規視親覺覽觀觸訂計訊討訓訖託記訛訝訟訣訪設許訴診註証詐評詞"
    "詠詢詣試詩詭話該詳誅誇誌認誕誘語誠誡誤誦誨說説誰課誼調談請諒論諜諧諭諮諱諸諾謀謂謄謊謎謙講謝謠"
    "謬謹證識譜譯議譴護譽讀變讓讚豈豎豐豔豬貓貝貞負財貢貧貨販貪貫責貯貳貴貶買貸費貼貿賀賄資賈賊賒賓"
    "賜賞賠賢賣賤賦質賬賭賴賺購賽贈贊贍贏贓贖趕趙趨跡踐蹟蹤躊躍軀車軋軌軍軒軟軸較載輓輔輕輛輝輩輪輯"
    "輸輾轄轅轉轍轎轟辦辭辮辯農迴逕這連週進遊運過達違遙遜遞遠適遲遷選遺遼邁還邊邏郵鄉鄒鄧鄭鄰鄲醜醫"
    "醬釀釋釐釘針釣釦鈎鈔鈕鈞鈣鈴鉀鉅鉑鉗鉚鉛鉤銀銅銘銜銳銷鋁鋅鋒鋤鋪鋰鋸鋼錄錘錠錢錦錨錫錯録錶鍊鍋"
    "鍍鍵鍾鎊鎖鎚鎭鎮鎳鏈鏟鏡鏽鐘鐵鑄鑑鑒鑪鑰鑲鑼鑽鑿長門閃閉開閏閑閒間閘閣閥閨閩閱閲闆闊闔闖關陝陞"
    "陣陰陳陸陽隊階際隨險隱隻雋雖雙雛雜雞離難雲電霑霧靄靈靜鞏韋韌韓韻響頁頂頃項順須頌預頒頓頗領頭頸"
    "頹頻顆題額顏願顛類顧顯風颱颶飄飛飢飯飲飼飽飾餃餅養餌餓餘餚餡館餵饑饒饞馬馮駁駐駕駛駝駱駿騎騙騰"
    "騷驅驕驗驚驛驟驢髏髒體髮鬆鬍鬚鬥鬧鬱魚魯魷鮑鮮鯉鯊鯨鱗鱷鳥鳳鴉鴨鴻鴿鵝鵬鵲鶯鶴鷄鷗鷹鷺鹹鹼鹽麗"
    "麥麩麪麵麼麽黃點黨黴齊齋齒齡龍龐龜"
)
_SIMPLIFIED = (
    "丢并乱亚伫布占并来仑系仓个们伦伟侧侦伪杰伞备家佣传债伤倾仅侨仆雇价仪亿俭尽偿优储兑儿内两册净冻"
    "凯别删则刹刚剥创划剧刘剑剂劲动务胜劳势勋励劝匀汇匮区协恤却厌厉参丛吴吕员问启启唤丧吃乔单吗呜叹"
    "尝哗喷吨吓向严啰嘱国围园圆图团执坚尧报场块涂尘垫坠堕坟垦坛压垒坏坜坝壮壶寿够梦伙夹奥夺奋妆娱娄"
    "妇妈嬷婴孙学宫实宁审写宽宠宝将专寻对导尴届尸屉屡层属冈峰岛峡昆岗仑崭岭屿岳峦帅师帐带帧帜币帮干"
    "几库厕厢厦厨庙厂废广庐厅张强别弹弥弯汇彦后径从复征彻恒悦闷恶恼爱态惨惯庆忧怜凭愤悯宪忆恳应惩懒"
    "怀悬惧恋战戏户抛挟舍卷扫抡挣挂采拣扬换挥损摇抢搂挚折撑拨抚扑捡拥择击挡担据挤拟拧搁掷扩摆扰拢拦"
    "搀携摄摊搅揽叙败叙敌数敛毙斩断于升时晋昼晕晖畅暂暨历晓旷晒书会东拐栅杆条弃栋栈栖杨枫业极荣构枪"
    "杠桩乐梁楼标枢样树桥机椭横档检台柠槛柜橱樱栏权钦欧欢岁历归残歼杀壳毁殴毡气氢泛泛污决没冲况泄汹"
    "凉凄泪净沦渊浅涣减涡测浑凑涌汤准沟温湿沧灭涤沪滞渗卤滚满渔汉渍涨渐浆泼洁潜润溃涩浇泽浊浓湿泞济"
    "涛滥滨溅滤渎泻沈浏濒泸沥澜洒滩湾灾为乌无炼烟焕烦热灯炖烧烫焖营灿毁烛烩烁炉烂争为爷尔床墙牵牺状"
    "狭犹狱狮奖独获猎犷兽献现玮琐瑶莹玛环玺琼产产苏亩毕画异当畴叠酸疯疗愈痒瘫发皱杯盗盏尽监盘卢真众"
    "困睁瞒瞩矫砚硕确码砖础碍矿砾秘祸御礼秃籼税棱禀种称谷积颖秽稳窝洼穷窑窜窍窦窃竞笔笋节范筑笃筛简"
    "签篮筹笼签篱粤粪粮团纠纪约红纹纳纽纯纱纸级纷纺扎细绅绍终弦组结绝绞络给绒统丝绢绑捆经综绿绸线维"
    "纲网缀彩绮绽绵紧绪绪线缉缎缘编缓缅纬练致缚县缝缩纵纤总绩绷织缮绕绣绳绘系茧缴继续缠缆坛罂罚骂罢"
    "罗群羡义习翘圣闻联聪声耸职听聋肃胁脉脱胀肾脑脚肠肤胶腻胆脸腊脏卧临台与兴举旧铺舱舰艳兹荆庄茎荚"
    "华烟苌莱万叶着搜莅苍盖莲卜蒋葱荫荡萧荟蓟姜蔷荐萨蓝艺药蔼芦苏蕴苹兰萝处虚号亏蚀虾虫蚁蝇蚝蜡蛮术"
    "卫冲卫衮里补装里制复裤褛亵袄袜衬袭见规视亲觉览观触订计讯讨训讫托记讹讶讼诀访设许诉诊注证诈评词"
    "咏询诣试诗诡话该详诛夸志认诞诱语诚诫误诵诲说说谁课谊调谈请谅论谍谐谕咨讳诸诺谋谓誊谎谜谦讲谢谣"
    "谬谨证识谱译议谴护誉读变让赞岂竖丰艳猪猫贝贞负财贡贫货贩贪贯责贮贰贵贬买贷费贴贸贺贿资贾贼赊宾"
    "赐赏赔贤卖贱赋质账赌赖赚购赛赠赞赡赢赃赎赶赵趋迹践迹踪踌跃躯车轧轨军轩软轴较载挽辅轻辆辉辈轮辑"
    "输辗辖辕转辙轿轰办辞辫辩农回迳这连周进游运过达违遥逊递远适迟迁选遗辽迈还边逻邮乡邹邓郑邻郸丑医"
    "酱酿释厘钉针钓扣钩钞钮钧钙铃钾巨铂钳铆铅钩银铜铭衔锐销铝锌锋锄铺锂锯钢录锤锭钱锦锚锡错录表炼锅"
    "镀键钟镑锁锤镇镇镍链铲镜锈钟铁铸鉴鉴炉钥镶锣钻凿长门闪闭开闰闲闲间闸阁阀闺闽阅阅板阔阖闯关陕升"
    "阵阴陈陆阳队阶际随险隐只隽虽双雏杂鸡离难云电沾雾霭灵静巩韦韧韩韵响页顶顷项顺须颂预颁顿颇领头颈"
    "颓频颗题额颜愿颠类顾显风台飓飘飞饥饭饮饲饱饰饺饼养饵饿余肴馅馆喂饥饶馋马冯驳驻驾驶驼骆骏骑骗腾"
    "骚驱骄验惊驿骤驴髅脏体发松胡须斗闹郁鱼鲁鱿鲍鲜鲤鲨鲸鳞鳄鸟凤鸦鸭鸿鸽鹅鹏鹊莺鹤鸡鸥鹰鹭咸碱盐丽"
    "麦麸面面么么黄点党霉齐斋齿龄龙庞龟"
)
_FOLDS = str.maketrans(_TRADITIONAL, _SIMPLIFIED) | dict.fromkeys(map(ord, "123456789*"), "0")
TRADITIONAL = frozenset(_TRADITIONAL)
# Words of Taiwan and Hong Kong, and the mainland's for the same thing.
_REGIONAL = {
    "联络": "联系",
    "简讯": "短信",
    "短讯": "短信",
    "资讯": "信息",
    "讯息": "信息",
    "超商": "便利店",
    "便利商店": "便利店",
    "门市": "门店",
    "派递": "派送",
    "通关": "清关",
    "营业所": "营业部",
    "站所": "网点",
    "收件者": "收件人",
    "寄件者": "寄件人",
    "到着": "到达",
    "透过": "通过",
    "班机": "航班",
    "邮差": "投递员",
    "外务员": "快递员",
}
_ANY_REGIONAL = re.compile("|".join(sorted(_REGIONAL, key=len, reverse=True)))
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
    folded = _ANY_REGIONAL.sub(lambda word: _REGIONAL[word[0]], folded)
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
