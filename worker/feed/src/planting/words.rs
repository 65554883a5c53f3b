//! Word lists. Their lengths are powers of two where that is easy, so that bits are whole.

pub(super) const SURNAMES_ZH: [&str; 64] = [
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "郭", "何", "林", "高", "罗", "郑", "梁",
    "谢", "宋", "唐", "许", "韩", "冯", "邓", "曹", "彭", "曾", "萧", "田", "董", "袁", "潘", "于", "蒋", "蔡", "余", "杜", "叶", "程",
    "苏", "魏", "吕", "丁", "任", "沈", "姚", "卢", "姜", "崔", "钟", "谭", "陆", "汪", "范", "金", "石", "廖", "贾", "夏",
];
pub(super) const GIVEN_ZH: [&str; 128] = [
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超", "秀", "霞", "平", "刚", "桂",
    "英", "华", "玉", "兰", "梅", "红", "鹏", "辉", "宇", "浩", "凯", "婷", "雪", "琳", "晨", "佳", "欣", "怡", "梓", "涵", "子", "轩",
    "雨", "泽", "思", "嘉", "俊", "文", "博", "天", "睿", "诗", "琪", "梦", "瑶", "一", "诺", "可", "心", "语", "禾", "安", "宁", "远",
    "航", "志", "建", "国", "庆", "春", "夏", "秋", "冬", "青", "松", "柏", "竹", "菊", "荷", "月", "星", "云", "风", "霜", "露", "海",
    "江", "河", "湖", "山", "峰", "岩", "石", "玲", "珑", "珍", "珠", "瑞", "祥", "福", "禄", "寿", "喜", "乐", "康", "健", "哲", "彦",
    "彬", "斌", "璇", "璐", "曼", "妍", "婧", "媛", "颖", "慧", "悦", "恒", "毅", "翔", "腾", "宏", "朗", "清",
];
/// How [`SURNAMES_ZH`] sound, one by one, as surnames.
pub(super) const SURNAMES_PINYIN: [&str; 64] = [
    "wáng", "lǐ", "zhāng", "liú", "chén", "yáng", "huáng", "zhào", "wú", "zhōu", "xú", "sūn", "mǎ", "zhū", "hú", "guō", "hé", "lín", "gāo",
    "luó", "zhèng", "liáng", "xiè", "sòng", "táng", "xǔ", "hán", "féng", "dèng", "cáo", "péng", "zēng", "xiāo", "tián", "dǒng", "yuán",
    "pān", "yú", "jiǎng", "cài", "yú", "dù", "yè", "chéng", "sū", "wèi", "lǚ", "dīng", "rén", "shěn", "yáo", "lú", "jiāng", "cuī", "zhōng",
    "tán", "lù", "wāng", "fàn", "jīn", "shí", "liào", "jiǎ", "xià",
];
/// How [`GIVEN_ZH`] sound in names, one by one.
pub(super) const GIVEN_PINYIN: [&str; 128] = [
    "wěi", "fāng", "nà", "mǐn", "jìng", "lì", "qiáng", "lěi", "jūn", "yáng", "yǒng", "yàn", "jié", "juān", "tāo", "míng", "chāo", "xiù",
    "xiá", "píng", "gāng", "guì", "yīng", "huá", "yù", "lán", "méi", "hóng", "péng", "huī", "yǔ", "hào", "kǎi", "tíng", "xuě", "lín",
    "chén", "jiā", "xīn", "yí", "zǐ", "hán", "zǐ", "xuān", "yǔ", "zé", "sī", "jiā", "jùn", "wén", "bó", "tiān", "ruì", "shī", "qí", "mèng",
    "yáo", "yī", "nuò", "kě", "xīn", "yǔ", "hé", "ān", "níng", "yuǎn", "háng", "zhì", "jiàn", "guó", "qìng", "chūn", "xià", "qiū", "dōng",
    "qīng", "sōng", "bǎi", "zhú", "jú", "hé", "yuè", "xīng", "yún", "fēng", "shuāng", "lù", "hǎi", "jiāng", "hé", "hú", "shān", "fēng",
    "yán", "shí", "líng", "lóng", "zhēn", "zhū", "ruì", "xiáng", "fú", "lù", "shòu", "xǐ", "lè", "kāng", "jiàn", "zhé", "yàn", "bīn",
    "bīn", "xuán", "lù", "màn", "yán", "jìng", "yuán", "yǐng", "huì", "yuè", "héng", "yì", "xiáng", "téng", "hóng", "lǎng", "qīng",
];
pub(super) const FIRST_NAMES: [&str; 64] = [
    "Alice", "Amir", "Anna", "Arthur", "Astrid", "Beatrice", "Boris", "Carla", "Cedric", "Chiara", "Clara", "Daniel", "David", "Diana",
    "Edgar", "Elena", "Elias", "Emma", "Erik", "Esther", "Eva", "Felix", "Fiona", "Frida", "Gabriel", "Greta", "Hanna", "Hugo", "Ida",
    "Ines", "Irene", "Ivan", "Jakob", "Jana", "Joel", "Judith", "Karin", "Klara", "Lars", "Laura", "Leo", "Lina", "Louis", "Lucia",
    "Marek", "Maria", "Martin", "Maya", "Milan", "Nadia", "Nina", "Noah", "Olga", "Oscar", "Paula", "Peter", "Rosa", "Ruben", "Sara",
    "Simon", "Sofia", "Tomas", "Vera", "Yusuf",
];
pub(super) const LAST_NAMES: [&str; 64] = [
    "Abbott", "Adler", "Almeida", "Andersen", "Bailey", "Barros", "Becker", "Bianchi", "Blake", "Brandt", "Carver", "Castro", "Cole",
    "Conti", "Dahl", "Dalton", "Duarte", "Eriksen", "Falk", "Ferrari", "Fischer", "Fleming", "Foster", "Garcia", "Gruber", "Haas",
    "Hansen", "Harper", "Hoffman", "Holm", "Ibsen", "Jansen", "Keller", "Kovacs", "Krause", "Lambert", "Lehmann", "Lopez", "Marino",
    "Meyer", "Moreau", "Nilsen", "Novak", "Olsen", "Palmer", "Petrov", "Quinn", "Ramos", "Ricci", "Rossi", "Sandberg", "Schmidt", "Silva",
    "Sorensen", "Tanner", "Toth", "Turner", "Vidal", "Vogel", "Wagner", "Walsh", "Weber", "Wolff", "Zeman",
];
pub(super) const MAIL_HOSTS: [&str; 4] = ["mail.example", "post.example", "inbox.example", "box.example"];
/// Mobile prefixes of mainland China in use.
pub(super) const MOBILE_CN: [&str; 32] = [
    "134", "135", "136", "137", "138", "139", "150", "151", "152", "157", "158", "159", "182", "183", "187", "188", "130", "131", "132",
    "155", "156", "185", "186", "133", "153", "180", "181", "189", "177", "173", "176", "178",
];
pub(super) const ROADS_ZH: [&str; 16] = [
    "滨江路",
    "人民路",
    "中山路",
    "解放路",
    "建设路",
    "新华路",
    "和平路",
    "朝阳路",
    "文化路",
    "学院路",
    "长江路",
    "黄河路",
    "湖滨路",
    "花园路",
    "东风路",
    "青年路",
];
pub(super) const PLANS_ZH: [&str; 16] = [
    "吃饭",
    "开会",
    "看牙",
    "打球",
    "体检",
    "面试",
    "接孩子",
    "取快递",
    "看电影",
    "签合同",
    "修车",
    "理发",
    "聚会",
    "家长会",
    "交房租",
    "复查",
];
pub(super) const PLANS: [&str; 16] = [
    "lunch",
    "dentist",
    "meeting",
    "rent",
    "school run",
    "viewing",
    "haircut",
    "interview",
    "birthday",
    "car service",
    "check-up",
    "cinema",
    "contract",
    "parcel",
    "dinner",
    "training",
];
pub(super) const NETWORKS: [&str; 8] = ["ChinaNet-", "CMCC-", "TP-LINK_", "Xiaomi_", "HUAWEI-", "MERCURY_", "Tenda_", "CU_"];
pub(super) const APP_WORDS: [&str; 32] = [
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbor", "indigo", "jasper", "kestrel", "lotus", "maple", "nectar",
    "onyx", "pebble", "quartz", "raven", "saffron", "tundra", "umber", "velvet", "willow", "xenon", "yarrow", "zephyr", "bamboo", "comet",
    "dune", "falcon", "garnet", "heron",
];
pub(super) const APP_KINDS: [&str; 16] = [
    "notes",
    "weather",
    "reader",
    "maps",
    "music",
    "photo",
    "wallet",
    "radio",
    "fitness",
    "recipes",
    "calendar",
    "keyboard",
    "player",
    "chess",
    "scanner",
    "translate",
];
