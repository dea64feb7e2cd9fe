//! Which calls run, which need somebody's consent, and which never run.
//!
//! Three things decide, in this order:
//!
//! 1. the user's [rules](Rule): one that denies wins over one that asks, and that
//!    over one that allows;
//! 2. whether text from outside (a page, a server's answer) has entered the
//!    conversation, because that text may be what asked for the call: calls that
//!    could do harm or carry data out then need consent, and addresses must be
//!    [known](Known) from elsewhere than the model;
//! 3. the [mode](Mode).
//!
//! A call that was under way when the program ended has passed all that. It runs
//! again if that does no harm, and needs consent otherwise.

mod known;
mod rule;

use glm_agent_tools::{Effects, Tool};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

pub use known::Known;
pub use rule::{Action, Rule};

/// How much the user wants to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Run what the user put on offer; ask only once text from outside is in the
    /// conversation, before calls that act on this machine or send data out.
    #[default]
    Auto,
    /// Ask before every call that leaves the sandbox.
    Ask,
    /// As `Auto`, but never ask: what would need consent is refused.
    Never,
}

/// A mode, and the user's rules.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// What holds where no rule says otherwise.
    pub mode: Mode,
    /// The user's rules, in any order.
    pub rules: Vec<Rule>,
}

impl From<Mode> for Policy {
    fn from(mode: Mode) -> Self {
        Self {
            mode,
            rules: Vec::new(),
        }
    }
}

/// A call as policy sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// The tool's name.
    pub tool: String,
    /// The arguments that it would run with.
    pub arguments: Value,
    /// What the tool touches.
    pub effects: Effects,
    /// The addresses that it would fetch because the model says so.
    pub addresses: Vec<String>,
    /// The hosts that it reaches, those of the addresses included.
    pub hosts: Vec<String>,
    /// Whether it can carry data to where the user did not choose.
    pub sends: bool,
    /// Whether somebody else runs it, and gives its result.
    pub external: bool,
    /// Whether made twice it does no more than made once.
    pub idempotent: bool,
}

impl Facts {
    /// What there is to know of a call, of whose tool there may be none.
    pub fn of(tool: Option<&Tool>, name: &str, arguments: &Value) -> Self {
        let addresses = tool.map_or_else(Vec::new, |tool| tool.addresses(arguments));
        let of_addresses = addresses.iter().map(|address| {
            let url = Url::parse(address.trim()).ok();
            let host = url.and_then(|url| url.host_str().map(str::to_owned));
            // What is no address matches no rule that allows.
            host.unwrap_or_default()
        });
        let declared = tool.map_or(&[][..], Tool::hosts).iter().cloned();
        Self {
            tool: name.to_owned(),
            arguments: arguments.clone(),
            effects: tool.map(Tool::declared_effects).unwrap_or_default(),
            hosts: declared.chain(of_addresses).collect(),
            addresses,
            sends: tool.is_some_and(Tool::is_sending),
            external: tool.is_some_and(Tool::is_external),
            idempotent: tool.is_some_and(Tool::is_idempotent),
        }
    }
}

/// What a policy says of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Run it; with the rule that allows what otherwise would need consent.
    Run(Option<String>),
    /// Run it if somebody consents; with the reason for asking.
    Ask(String),
    /// Do not run it; with the words for the model.
    Deny(String),
}

/// What the session has come to, as far as it bears on a call.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Text from outside has entered the conversation.
    pub outside: bool,
    /// The user consented to all calls of this tool, in these circumstances.
    pub consented: bool,
    /// The call was under way when the process ended that made it.
    pub interrupted: bool,
    /// Addresses that do not come from the model.
    pub known: &'a Known,
}

impl Policy {
    /// Judges a call.
    pub fn judge(&self, call: &Facts, now: Circumstances<'_>) -> Verdict {
        let rule = Rule::strongest(&self.rules, call);
        let unruled = self.unruled(call, now);
        match rule.map(|rule| (rule, rule.action)) {
            Some((rule, Action::Deny)) => Verdict::Deny(rule.refusal()),
            // It was judged before; what is left to ask is whether it can be made twice.
            _ if now.interrupted && (call.idempotent || call.external) => Verdict::Run(None),
            _ if now.interrupted => self
                .ask("the program ended during this call, and it may have taken effect".to_owned()),
            Some((rule, Action::Ask)) if !now.consented => {
                self.ask(format!("the rule `{rule}` asks for consent"))
            }
            Some((rule, Action::Allow)) if unruled != Verdict::Run(None) => {
                Verdict::Run(Some(format!("the rule `{rule}` allows it")))
            }
            // Consent to a tool's calls is none to an address that the model made up.
            _ => unruled,
        }
    }

    /// What is said of a call to which no rule applies.
    fn unruled(&self, call: &Facts, now: Circumstances<'_>) -> Verdict {
        let Effects {
            network,
            writes,
            host,
            ..
        } = call.effects;
        if now.outside
            && let Some(made_up) = call.addresses.iter().find(|a| !now.known.contains(a))
        {
            return Verdict::Deny(format!(
                "this call was not run: `{made_up}` comes neither from the user nor from a result; \
                 once text from outside is in the conversation, only such addresses are fetched"
            ));
        }
        if now.consented {
            return Verdict::Run(None);
        }
        let sends = call.sends && call.addresses.is_empty();
        let reason = match self.mode {
            Mode::Ask if network || writes || host => "it reaches beyond the sandbox",
            _ if !now.outside => return Verdict::Run(None),
            _ if writes || host => {
                "it acts on this machine or elsewhere, and text from outside has entered the conversation"
            }
            _ if sends => {
                "it sends data to other machines, and text from outside has entered the conversation"
            }
            _ => return Verdict::Run(None),
        };
        self.ask(reason.to_owned())
    }

    /// Asks, where that is wanted.
    fn ask(&self, reason: String) -> Verdict {
        match self.mode {
            Mode::Never => Verdict::Deny(format!("this call was not run: {reason}")),
            Mode::Auto | Mode::Ask => Verdict::Ask(reason),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
