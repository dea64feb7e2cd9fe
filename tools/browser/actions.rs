//! What the model asks of `simple_browser`: calls as Python writes them.
//!
//! One message can hold several, each on a line of its own or parted by `;`.

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Search {
        query: String,
        recency_days: Option<u32>,
    },
    /// Opens links of what was shown last, by their numbers.
    Click(Vec<i64>),
    Open(String),
}

/// A value in a call.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Number(i64),
    List(Vec<Value>),
    /// `None`, and whatever else says nothing here.
    Nothing,
}

/// The actions of a message in order; for what is none, why not.
pub(super) fn parse(message: &str) -> Vec<Result<Action, String>> {
    let mut actions = Vec::new();
    let mut rest = message.trim_start_matches(PARTING);
    while !rest.is_empty() {
        let mut reader = Reader { rest };
        match reader
            .call()
            .and_then(|(name, arguments)| action(&name, arguments))
        {
            Ok(action) => {
                actions.push(Ok(action));
                rest = reader.rest;
            }
            Err(reason) => {
                let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
                let line = crate::text::clean(line.trim(), 200);
                actions.push(Err(format!("`{line}` cannot be read: {reason}")));
                rest = after;
            }
        }
        rest = rest.trim_start_matches(PARTING);
    }
    if actions.is_empty() {
        actions.push(Err(format!("it is empty; {USAGE}")));
    }
    actions
}

const PARTING: [char; 5] = [' ', '\t', '\r', '\n', ';'];

const USAGE: &str = "expected search(\"words\"), mclick([0, 1]) or open_url(\"https://...\")";

/// Arguments by name, or by position where they have none.
type Arguments = Vec<(Option<String>, Value)>;

fn action(name: &str, arguments: Arguments) -> Result<Action, String> {
    let names: &[&str] = match name {
        "search" => &["query", "recency_days"],
        "mclick" | "click" => &["ids"],
        "open_url" | "open" => &["url"],
        _ => return Err(format!("there is no `{name}`; {USAGE}")),
    };
    let mut values: Vec<Option<Value>> = vec![None; names.len()];
    // `mclick(0, 1)` means what `mclick([0, 1])` does.
    let is_click = names == ["ids"];
    if is_click && arguments.len() > 1 && arguments.iter().all(|(name, _)| name.is_none()) {
        let ids = arguments.into_iter().map(|(_, value)| value).collect();
        return Ok(Action::Click(numbers(Value::List(ids))?));
    }
    for (position, (given, value)) in arguments.into_iter().enumerate() {
        let position = match given {
            Some(given) => names
                .iter()
                .position(|name| *name == given)
                .ok_or_else(|| {
                    format!("`{name}` has no `{given}`, only {}", names.join(" and "))
                })?,
            None => position,
        };
        let slot = values.get_mut(position);
        *slot.ok_or_else(|| format!("`{name}` takes only {}", names.join(" and ")))? = Some(value);
    }
    let mut values = values
        .into_iter()
        .map(|value| value.unwrap_or(Value::Nothing));
    let first = values.next().unwrap_or(Value::Nothing);
    match (name, first) {
        ("search", Value::Text(query)) if !query.trim().is_empty() => Ok(Action::Search {
            query,
            recency_days: match values.next() {
                // A demo of GLM-4's writes -1 for "of any age".
                Some(Value::Number(days)) => u32::try_from(days).ok().filter(|days| *days > 0),
                None | Some(Value::Nothing) => None,
                Some(_) => return Err("`recency_days` must be a number".to_owned()),
            },
        }),
        ("search", _) => Err("`query` must be words in quotes".to_owned()),
        ("open_url" | "open", Value::Text(url)) => Ok(Action::Open(url)),
        ("open_url" | "open", _) => Err("`url` must be an address in quotes".to_owned()),
        (_, ids) => Ok(Action::Click(numbers(ids)?)),
    }
}

fn numbers(ids: Value) -> Result<Vec<i64>, String> {
    let ids = match ids {
        Value::List(ids) => ids,
        one @ (Value::Number(_) | Value::Text(_)) => vec![one],
        Value::Nothing => Vec::new(),
    };
    let number = |id| match id {
        Value::Number(id) => Ok(id),
        Value::Text(text) => {
            let digits = text.trim().parse();
            digits.map_err(|_| format!("`{text}` is no number of a page"))
        }
        _ => Err("`ids` must be a list of numbers".to_owned()),
    };
    let ids: Vec<i64> = ids.into_iter().map(number).collect::<Result<_, _>>()?;
    if ids.is_empty() {
        return Err("`ids` must name at least one page".to_owned());
    }
    Ok(ids)
}

struct Reader<'t> {
    rest: &'t str,
}

/// Lists within lists, at most.
const DEPTH: usize = 8;

impl Reader<'_> {
    fn call(&mut self) -> Result<(String, Arguments), String> {
        let name = self.word();
        if name.is_empty() {
            return Err(USAGE.to_owned());
        }
        self.expect('(')?;
        let mut arguments = Vec::new();
        while !self.eat(')') {
            let before = self.rest;
            let given = self.word();
            let given = if !given.is_empty() && self.eat('=') {
                Some(given)
            } else {
                self.rest = before;
                None
            };
            arguments.push((given, self.value(DEPTH)?));
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok((name, arguments))
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        self.skip();
        let Some(first) = self.rest.chars().next() else {
            return Err("it ends in the middle".to_owned());
        };
        match first {
            '[' | '(' if depth > 0 => {
                self.eat(first);
                let end = if first == '[' { ']' } else { ')' };
                let mut items = Vec::new();
                while !self.eat(end) {
                    items.push(self.value(depth - 1)?);
                    if !self.eat(',') {
                        self.expect(end)?;
                        break;
                    }
                }
                Ok(Value::List(items))
            }
            '"' | '\'' | '“' | '‘' => self.text(first).map(Value::Text),
            '-' | '0'..='9' => {
                let end = self
                    .rest
                    .find(|c: char| !matches!(c, '-' | '0'..='9' | '_' | '.'));
                let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                self.rest = rest;
                let whole = digits.strip_suffix(".0").unwrap_or(digits);
                let number = whole.replace('_', "").parse();
                number
                    .map(Value::Number)
                    .map_err(|_| format!("`{digits}` is no whole number"))
            }
            _ => match self.word().as_str() {
                "None" | "null" => Ok(Value::Nothing),
                "" => Err(format!("`{first}` is not expected here")),
                word => Err(format!("`{word}` should be in quotes")),
            },
        }
    }

    /// A text in quotes, Python's escapes put in their meaning.
    fn text(&mut self, open: char) -> Result<String, String> {
        let close = match open {
            '“' => '”',
            '‘' => '’',
            other => other,
        };
        let triple: String = [close; 3].iter().collect();
        let is_triple = self.rest.starts_with(&triple);
        let start = if is_triple {
            triple.len()
        } else {
            open.len_utf8()
        };
        let mut text = String::new();
        let mut rest = self.rest.split_at(start).1;
        loop {
            let Some(c) = rest.chars().next() else {
                return Err("a quote is not closed".to_owned());
            };
            let ends = if is_triple {
                rest.starts_with(&triple)
            } else {
                c == close
            };
            if ends {
                let length = if is_triple {
                    triple.len()
                } else {
                    close.len_utf8()
                };
                self.rest = rest.split_at(length).1;
                return Ok(text);
            }
            rest = rest.split_at(c.len_utf8()).1;
            if c != '\\' {
                text.push(c);
                continue;
            }
            let Some(escaped) = rest.chars().next() else {
                return Err("a quote is not closed".to_owned());
            };
            rest = rest.split_at(escaped.len_utf8()).1;
            match escaped {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                '\n' => {}
                'u' => {
                    let code = rest
                        .get(..4)
                        .and_then(|hex| u32::from_str_radix(hex, 16).ok());
                    match code.and_then(char::from_u32) {
                        Some(c) => {
                            text.push(c);
                            rest = rest.split_at(4).1;
                        }
                        None => text.push_str("\\u"),
                    }
                }
                '\\' | '\'' | '"' => text.push(escaped),
                other => text.extend(['\\', other]),
            }
        }
    }

    /// A name; empty if there is none.
    fn word(&mut self) -> String {
        self.skip();
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word.to_owned()
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, c: char) -> bool {
        self.skip();
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        if self.eat(c) {
            Ok(())
        } else {
            Err(format!("`{c}` is missing"))
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn search(query: &str, recency_days: Option<u32>) -> Action {
        Action::Search {
            query: query.to_owned(),
            recency_days,
        }
    }

    fn open(url: &str) -> Action {
        Action::Open(url.to_owned())
    }

    #[test]
    fn calls_are_read_as_python_writes_them() {
        for (text, action) in [
            ("search('a')", search("a", None)),
            (
                "search(\"a, b (c) [d]\", recency_days=7)",
                search("a, b (c) [d]", Some(7)),
            ),
            ("search(\"a\", 7)", search("a", Some(7))),
            (
                "search(recency_days=7, query='it\\'s')",
                search("it's", Some(7)),
            ),
            (
                "search(query=\"say \\\"x\\\"\\n\\u5317\")",
                search("say \"x\"\n北", None),
            ),
            ("search('C:\\dir')", search("C:\\dir", None)),
            ("search('''a 'b' c''')", search("a 'b' c", None)),
            ("search(“北京 天气”, -1)", search("北京 天气", None)),
            ("search('a', recency_days=None,)", search("a", None)),
            (
                "search ( 'a' ,\n recency_days = 30 )",
                search("a", Some(30)),
            ),
            ("mclick([0, 2, 5])", Action::Click(vec![0, 2, 5])),
            ("mclick(ids=[0,])", Action::Click(vec![0])),
            ("mclick((1, 2))", Action::Click(vec![1, 2])),
            ("mclick(0, 1)", Action::Click(vec![0, 1])),
            ("mclick(3)", Action::Click(vec![3])),
            ("mclick(['4', 5.0])", Action::Click(vec![4, 5])),
            ("mclick([-1])", Action::Click(vec![-1])),
            (
                "open_url('https://a.test/?q=(1,2)&r=\"3\"')",
                open("https://a.test/?q=(1,2)&r=\"3\""),
            ),
            ("open_url(url='https://a.test/');", open("https://a.test/")),
        ] {
            assert_eq!(parse(text), [Ok(action)], "{text}");
        }
    }

    #[test]
    fn several_are_done_in_order_and_what_is_none_is_explained() {
        let actions = parse("search('a')\nfind('b')\nmclick([0, 1])\n\nopen_url(x)");
        assert_eq!(actions.len(), 4);
        assert_eq!(actions[0], Ok(search("a", None)));
        assert_eq!(actions[2], Ok(Action::Click(vec![0, 1])));
        for (at, said) in [
            (
                1,
                "`find('b')` cannot be read: there is no `find`; expected search(",
            ),
            (3, "`open_url(x)` cannot be read: `x` should be in quotes"),
        ] {
            let reason = actions[at].as_ref().unwrap_err();
            assert!(reason.starts_with(said), "{reason}");
        }
        for (text, said) in [
            ("", "it is empty; expected"),
            ("the weather", "`(` is missing"),
            ("search()", "`query` must be words in quotes"),
            ("search('a'", "`)` is missing"),
            ("search('a", "a quote is not closed"),
            (
                "search('a', days=3)",
                "`search` has no `days`, only query and recency_days",
            ),
            (
                "search('a', 1, 2)",
                "`search` takes only query and recency_days",
            ),
            ("search('a', 'week')", "`recency_days` must be a number"),
            ("mclick([])", "`ids` must name at least one page"),
            ("mclick(['x'])", "`x` is no number of a page"),
            ("mclick([1.5])", "`1.5` is no whole number"),
            ("mclick([99999999999999999999])", "is no whole number"),
            ("open_url()", "`url` must be an address in quotes"),
            ("((((", "expected search("),
        ] {
            let actions = parse(text);
            let reason = actions[0].as_ref().unwrap_err();
            assert!(reason.contains(said), "{text}: {reason}");
        }
        assert!(parse(&format!("mclick({}", "[".repeat(10_000)))[0].is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_comes_back(query in "\\PC+", days in 1..9_999u32) {
            prop_assume!(!query.trim().is_empty());
            let quoted = serde_json::Value::from(query.as_str()).to_string();
            let text = format!("search({quoted}, recency_days={days})");
            prop_assert_eq!(parse(&text), [Ok(search(&query, Some(days)))]);
        }

        #[test]
        fn anything_at_all_is_answered(text in any::<String>()) {
            prop_assert!(!parse(&text).is_empty());
        }
    }
}
