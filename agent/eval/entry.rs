//! The leaderboard's entries.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    Category, Error, Source,
    category::{Group, Shape},
    schema,
    source::File,
};
use crate::model::{Message, Segment, ToolSpec};

/// One entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its id, which names its category.
    pub id: String,
    /// The category.
    pub category: Category,
    /// What is said, turn by turn; one turn, but for categories of several.
    pub turns: Vec<Vec<Message>>,
    /// The functions on offer, as the data has them.
    pub functions: Vec<Value>,
    /// Functions that are offered from a turn on, by the turn's number, as the data has
    /// them.
    pub later: Vec<(usize, Vec<Value>)>,
    /// What is right.
    pub expected: Expected,
}

/// What is right.
#[derive(Debug, Clone)]
pub enum Expected {
    /// These calls, each an object with the function's name and, for each argument, a list
    /// of what it may be.
    Calls(Vec<Value>),
    /// Whether there is a call.
    ACall(bool),
    /// What the official tools make of the whole entry, which has the right calls in
    /// `ground_truth`.
    State(Value),
}

/// The entries of some categories.
#[derive(Debug)]
pub struct Data {
    /// The entries, in the leaderboard's order.
    pub entries: Vec<Entry>,
    /// Whether all that was read is of the version that is known.
    pub is_known: bool,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    question: Vec<Vec<Said>>,
    #[serde(default)]
    function: Vec<Value>,
    #[serde(default)]
    involved_classes: Vec<String>,
    #[serde(default)]
    missed_function: Map<String, Value>,
}

#[derive(Deserialize)]
struct Said {
    role: Role,
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    User,
    Assistant,
}

#[derive(Deserialize)]
struct Answer {
    id: String,
    ground_truth: Vec<Value>,
}

impl Data {
    /// Reads the entries of these categories.
    ///
    /// # Errors
    /// When files are missing, not those of the version that is known, or not of its
    /// form.
    pub fn load(source: &Source, categories: &[Category]) -> Result<Self, Error> {
        let mut data = Self {
            entries: Vec::new(),
            is_known: true,
        };
        for category in categories {
            data.read(source, *category)?;
        }
        Ok(data)
    }

    /// Keeps `limit` entries, as many of each category as there can be: of each, those that
    /// come first when all are put in an order by chance, which the seed decides. More of
    /// them are always those and others.
    pub fn limit(&mut self, limit: usize, seed: u64) {
        let chance = |entry: &&Entry| Sha256::digest(format!("{seed} {}", entry.id));
        let mut left: Vec<Vec<&Entry>> = Vec::new();
        for category in Category::ALL {
            let of_it = |entry: &&Entry| entry.category == category;
            let mut entries: Vec<&Entry> = self.entries.iter().filter(of_it).collect();
            entries.sort_by_key(chance);
            entries.reverse();
            left.push(entries);
        }
        let mut kept = HashSet::new();
        while kept.len() < limit && left.iter().any(|entries| !entries.is_empty()) {
            let round = left.iter_mut().filter_map(Vec::pop);
            kept.extend(round.take(limit - kept.len()).map(|entry| entry.id.clone()));
        }
        self.entries.retain(|entry| kept.contains(&entry.id));
    }

    fn read(&mut self, source: &Source, category: Category) -> Result<(), Error> {
        let name = format!("BFCL_v4_{category}.json");
        let questions = source.read(&name)?;
        self.is_known &= questions.is_known;
        let mut answers = match category.shape() {
            Shape::Relevance | Shape::Irrelevance => None,
            _ => {
                let answers = source.read(&format!("possible_answer/{name}"))?;
                self.is_known &= answers.is_known;
                Some(answers)
            }
        };
        for (index, line) in questions.lines.iter().enumerate() {
            let bad = |reason: String| questions.bad(index, reason);
            let answer = answers.as_mut().map(|file| file.answer(index));
            let answer = answer.transpose()?;
            let parsed = Line::deserialize(line).map_err(|error| bad(error.to_string()))?;
            if answer.as_ref().is_some_and(|answer| answer.id != parsed.id) {
                return Err(bad(format!(
                    "the answer on its line is not of {}",
                    parsed.id
                )));
            }
            let answer = answer.map(|answer| answer.ground_truth).unwrap_or_default();
            let (mut functions, mut later) = (parsed.function, Vec::new());
            let expected = match category.shape() {
                Shape::Relevance => Expected::ACall(true),
                Shape::Irrelevance => Expected::ACall(false),
                Shape::MultiTurn => {
                    for class in &parsed.involved_classes {
                        functions.extend(self.class(source, class, &bad)?);
                    }
                    later = held_back(&parsed.missed_function, &mut functions);
                    let mut whole = line.clone();
                    if let Some(whole) = whole.as_object_mut() {
                        whole.insert("ground_truth".to_owned(), answer.into());
                    }
                    Expected::State(whole)
                }
                Shape::Simple | Shape::Multiple | Shape::Parallel => Expected::Calls(answer),
            };
            schema::check(&functions).map_err(bad)?;
            self.entries.push(Entry {
                id: parsed.id,
                category,
                turns: parsed.question.into_iter().map(said).collect(),
                functions,
                later,
                expected,
            });
        }
        Ok(())
    }

    /// The functions of a class of tools with a state.
    fn class(
        &mut self,
        source: &Source,
        class: &str,
        bad: &dyn Fn(String) -> Error,
    ) -> Result<Vec<Value>, Error> {
        let file = match class {
            "GorillaFileSystem" => "gorilla_file_system",
            "MathAPI" => "math_api",
            "MessageAPI" => "message_api",
            "TwitterAPI" => "posting_api",
            "TicketAPI" => "ticket_api",
            "TradingBot" => "trading_bot",
            "TravelAPI" => "travel_booking",
            "VehicleControlAPI" => "vehicle_control",
            other => return Err(bad(format!("there are no tools `{other}`"))),
        };
        let file = source.read(&format!("multi_turn_func_doc/{file}.json"))?;
        self.is_known &= file.is_known;
        Ok(file.lines)
    }
}

impl File {
    fn answer(&mut self, index: usize) -> Result<Answer, Error> {
        let Some(line) = self.lines.get(index) else {
            return Err(self.bad(index, "there is no such line".to_owned()));
        };
        Answer::deserialize(line).map_err(|error| self.bad(index, error.to_string()))
    }

    fn bad(&self, index: usize, reason: String) -> Error {
        Error::BadLine {
            path: self.path.clone(),
            line: index + 1,
            what: "no entry of the leaderboard",
            reason,
        }
    }
}

impl Entry {
    /// The functions that are offered at first, as a model is told of them.
    pub fn tools(&self) -> Vec<ToolSpec> {
        schema::tools(&self.functions, self.category.language())
    }

    /// The functions that are offered in addition from this turn on.
    pub(super) fn more_tools(&self, turn: usize) -> Option<Vec<ToolSpec>> {
        let (_, functions) = self.later.iter().find(|(at, _)| *at == turn)?;
        Some(schema::tools(functions, self.category.language()))
    }

    /// What the user says, in one text.
    pub fn asked(&self) -> String {
        let messages = self.turns.iter().flatten();
        let texts: Vec<&str> = messages
            .filter_map(|message| match message {
                Message::User { content } => Some(content.as_str()),
                _ => None,
            })
            .collect();
        texts.join("\n\n")
    }

    /// Whether it has several turns.
    pub fn is_multi_turn(&self) -> bool {
        self.category.group() == Group::MultiTurn
    }
}

fn said(turn: Vec<Said>) -> Vec<Message> {
    turn.into_iter()
        .map(|Said { role, content }| match role {
            Role::System => Message::System { content },
            Role::User => Message::User { content },
            Role::Assistant => Message::Assistant {
                segments: vec![Segment::text(content)],
            },
        })
        .collect()
}

/// Takes the functions out that are offered only from a turn on.
fn held_back(missed: &Map<String, Value>, functions: &mut Vec<Value>) -> Vec<(usize, Vec<Value>)> {
    let mut later = Vec::new();
    for (turn, names) in missed {
        let Ok(turn) = turn.parse() else { continue };
        let mut held = Vec::new();
        for name in names.as_array().into_iter().flatten() {
            let place = functions
                .iter()
                .position(|function| &function["name"] == name);
            held.extend(place.map(|place| functions.remove(place)));
        }
        later.push((turn, held));
    }
    later
}
