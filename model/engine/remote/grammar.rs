//! Grammars in llama.cpp's dialect (its `grammars/README.md`), which xgrammar in vLLM and
//! SGLang reads as well.

/// Any JSON, with no space but what GLM-4 writes. Strings hold no raw control characters.
const JSON: &str = r#"value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" (member (", " member)*)? "}"
member ::= string ": " value
array ::= "[" (value (", " value)*)? "]"
string ::= "\"" ([^"\\\x00-\x1f] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F]))* "\""
number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [-+]? [0-9]+)?
"#;

/// Any JSON.
pub fn json() -> String {
    format!("root ::= value\n{JSON}")
}

/// A call of one of these functions: its name, a newline and a JSON object.
pub fn call<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted = |name: &str| {
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    };
    let names: Vec<String> = names.map(quoted).collect();
    format!("root ::= ({}) \"\\n\" object\n{JSON}", names.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_begins_with_a_name() {
        let grammar = call(["a", "b\"c"].into_iter());
        let first = grammar.lines().next();
        assert_eq!(first, Some(r#"root ::= ("a" | "b\"c") "\n" object"#));
    }
}
