//! GLM-4.5, 4.6 and 4.7: tools as JSON lines, calls in tags, thoughts before a
//! reply.

use super::{Profile, Reasoning, Syntax, Tagged, glm4};
use crate::Sampling;

const HEADER: &str = "# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
";

const GLM45_TURNS: Tagged = Tagged {
    newline: "\n",
    header: HEADER,
    closing: "</tools>

For each function call, output the function name and arguments within the following XML format:
<tool_call>{function-name}
<arg_key>{arg-key-1}</arg_key>
<arg_value>{arg-value-1}</arg_value>
<arg_key>{arg-key-2}</arg_key>
<arg_value>{arg-value-2}</arg_value>
...
</tool_call>",
    after_user: "",
};

/// GLM-4.5 and 4.6.
pub(super) static GLM45: Profile = Profile {
    name: "glm4.5",
    prefix: glm4::PREFIX,
    syntax: Syntax::Tagged(GLM45_TURNS),
    reasoning: Some(Reasoning {
        begun: "",
        kept: true,
    }),
    without_thoughts: Some(&GLM45_QUIET),
    sampling: Sampling {
        temperature: 0.6,
        top_p: 0.95,
        seed: None,
    },
    published: glm4::PUBLISHED,
};

/// The same with `enable_thinking` off: the user asks for it, and the thoughts
/// are there already, and empty.
static GLM45_QUIET: Profile = Profile {
    syntax: Syntax::Tagged(Tagged {
        after_user: "/nothink",
        ..GLM45_TURNS
    }),
    reasoning: Some(Reasoning {
        begun: "\n<think></think>",
        kept: true,
    }),
    without_thoughts: None,
    ..GLM45
};

/// GLM-4.7: as 4.5 without the newlines.
pub(super) static GLM47: Profile = Profile {
    name: "glm4.7",
    syntax: Syntax::Tagged(Tagged {
        newline: "",
        closing: "</tools>

For each function call, output the function name and arguments within the following XML format:
<tool_call>{function-name}<arg_key>{arg-key-1}</arg_key><arg_value>{arg-value-1}</arg_value><arg_key>{arg-key-2}</arg_key><arg_value>{arg-value-2}</arg_value>...</tool_call>",
        ..GLM45_TURNS
    }),
    reasoning: Some(Reasoning {
        begun: "<think>",
        kept: true,
    }),
    without_thoughts: Some(&GLM47_QUIET),
    sampling: Sampling {
        temperature: 1.0,
        top_p: 0.95,
        seed: None,
    },
    ..GLM45
};

/// The same with `enable_thinking` off: the thoughts are closed already.
static GLM47_QUIET: Profile = Profile {
    reasoning: Some(Reasoning {
        begun: "</think>",
        kept: true,
    }),
    without_thoughts: None,
    ..GLM47
};
