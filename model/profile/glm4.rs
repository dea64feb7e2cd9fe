//! GLM-4-9B, GLM-4-0414 and GLM-Z1. The texts are those that the models were
//! trained with: a changed character is a changed prompt.

use super::{Definition, Lines, Profile, Published, Reasoning, Syntax, ToolTexts};
use crate::Sampling;

pub(super) const PREFIX: &[&str] = &["[gMASK]", "<sop>"];

const AFTER_FUNCTION: &str = "\n\
在调用上述函数时，请使用 Json 格式表示调用的参数。";
const PYTHON: &str = "当你向 `python` 发送包含 Python 代码的消息时，该代码将会在一个有状态的 Jupyter notebook 环境中执行。\n\
`python` 返回代码执行的输出，或在执行 60 秒后返回超时。\n\
`/mnt/data` 将会持久化存储你的文件。在此会话中，`python` 无法访问互联网。不要使用 `python` 进行任何网络请求或者在线 API 调用，这些在线内容的访问将不会成功。";
const SIMPLE_BROWSER: &str = "你可以使用 `simple_browser` 工具。该工具支持以下函数：\n\
`search(query: str, recency_days: int)`：使用搜索引擎进行查询并显示结果，可以使用 `recency_days` 参数控制搜索内容的时效性。\n\
`mclick(ids: list[int])`：获取一系列指定 id 的页面内容。每次调用时，须选择3-10个页面。选择多个角度的页面，同时尽可能选择可信任的信息来源。考虑到部分页面是无法加载的，你也可以多打开一些可能有用的页面而不用担心内容过多。\n\
`open_url(url: str)`：打开指定的 URL。\n\
\n\
使用 `【{引用 id}†{引用文本}】` 来引用内容。\n\
\n\
操作步骤：1. 使用 `search` 来获得信息列表; 2. 使用 `mclick` 来获取指定 ID 页面的内容; 3. 根据获得的内容进行回复。在回复中应当引用信息来源。\n\
\x20如果用户提供了 URL，也可以用 `open_url` 直接打开页面。\n\
如果初次搜索结果没有找到合适的信息，也可以再次使用 `search` 进行搜索。";
const COGVIEW: &str = "如果用户的请求中包含了对图像的描述，你可以使用 `cogview` 来生成图像并展示给用户。你需要向 `cogview` 发送图像描述，规则：\n\
- 发送给 `cogview` 的消息必须使用英语。用户的中文描述必须完全翻译为英语。\n\
- 应当尽可能详细地描述图像生成的需求，需求描述约 100 英文单词。\n\
- 保持用户原始描述的意图。不要虚构内容或者没见过的人物。\n\
- 如无特殊说明，所在地为中国，持有中国立场并遵循中国社会主义价值观。";

pub(super) const TOOLS: ToolTexts = ToolTexts {
    identity: "你是一个名为 ChatGLM 的人工智能助手。你是基于智谱AI训练的语言模型 GLM-4 模型开发的，你的任务是针对用户的问题和要求提供适当的答复和支持。",
    date: None,
    heading: "# 可用工具",
    before_name: "\n\n## ",
    definition: Definition::Indented,
    after_function: AFTER_FUNCTION,
    closing: "",
    python: PYTHON,
    simple_browser: SIMPLE_BROWSER,
    cogview: COGVIEW,
};

pub(super) const TURNS: Lines = Lines {
    tools: TOOLS,
    hoists_system: false,
    after_call_name: "",
    names_results: true,
    writes_empty: false,
};

/// GLM-4-0414's way of turns.
const TURNS_0414: Lines = Lines {
    tools: ToolTexts {
        identity: "",
        heading: "# 可用工具\n",
        ..TOOLS
    },
    hoists_system: true,
    after_call_name: " ",
    names_results: false,
    writes_empty: true,
};

/// GLM-4-9B-Chat's model card and `config.json`.
pub(super) const PUBLISHED: Published = Published {
    positions: 131_072,
    end_ids: &[151_329, 151_336, 151_338],
    adds_prefix: true,
};

/// What GLM-4-0414 and GLM-Z1-0414 have otherwise: their `config.json`.
const PUBLISHED_0414: Published = Published {
    positions: 32_768,
    ..PUBLISHED
};

/// As GLM-4 was trained: a blank line before each tool's heading.
pub(super) static GLM4: Profile = Profile {
    name: "glm4",
    prefix: PREFIX,
    syntax: Syntax::Lines(TURNS),
    reasoning: None,
    without_thoughts: None,
    sampling: Sampling {
        temperature: 0.95,
        top_p: 0.8,
        seed: None,
    },
    published: PUBLISHED,
};

/// As `transformers` renders the same template: it drops that blank line.
pub(super) static GLM4_HF: Profile = Profile {
    name: "glm4-hf",
    syntax: Syntax::Lines(Lines {
        tools: ToolTexts {
            before_name: "\n## ",
            ..TOOLS
        },
        ..TURNS
    }),
    ..GLM4
};

/// As the makers' own demo (`composite_demo`) prompts GLM-4-9B-Chat: by another
/// name, and with the date.
pub(super) static GLM4_DEMO: Profile = Profile {
    name: "glm4-demo",
    syntax: Syntax::Lines(Lines {
        tools: ToolTexts {
            identity: "你是一个名为 GLM-4 的人工智能助手。你是基于智谱AI训练的语言模型 GLM-4 模型开发的，你的任务是针对用户的问题和要求提供适当的答复和支持。",
            date: Some("当前日期: "),
            ..TOOLS
        },
        ..TURNS
    }),
    ..GLM4
};

pub(super) static GLM4_0414: Profile = Profile {
    name: "glm4-0414",
    syntax: Syntax::Lines(TURNS_0414),
    published: PUBLISHED_0414,
    ..GLM4
};

/// GLM-Z1-0414: as 0414, with an identity and thoughts before each reply.
pub(super) static Z1: Profile = Profile {
    name: "glm-z1",
    syntax: Syntax::Lines(Lines {
        tools: ToolTexts {
            identity: "你是一个名为 ChatGLM 的人工智能助手。你是基于智谱 AI 公司训练的语言模型 GLM-4 模型开发的，你的任务是针对用户的问题和要求提供适当的答复和支持。",
            ..TOOLS
        },
        ..TURNS_0414
    }),
    reasoning: Some(Reasoning {
        begun: "\n<think>",
        kept: false,
    }),
    sampling: Sampling {
        temperature: 0.6,
        top_p: 0.95,
        seed: None,
    },
    published: PUBLISHED_0414,
    ..GLM4
};

/// GLM-4-9B before it was taught to chat.
pub(super) static BASE: Profile = Profile {
    name: "base",
    syntax: Syntax::Completion,
    published: Published {
        positions: 8192,
        end_ids: &[151_329],
        ..PUBLISHED
    },
    ..GLM4
};
