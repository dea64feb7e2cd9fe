//! The agents of a batch: one engine, and what each task asks for.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use glm_agent::{
    Agent, Error, Tool,
    batch::{Agents, Task},
    budget::Account,
    model::Engine,
    tools::mcp::Server,
};

use crate::{
    args::{AgentArgs, OwnTools},
    choice::Choice,
    exit::Failure,
    progress::Progress,
    servers,
    settings::Settings,
    setup,
    web::Form,
};

/// Agents that share their engine and servers, and tools where they have the same.
pub struct Crew {
    args: AgentArgs,
    settings: Settings,
    engine: Arc<dyn Engine>,
    servers: Vec<Arc<Server>>,
    account: Arc<Account>,
    /// Of the answers to tasks that name none.
    schema: Option<Value>,
    /// Those of tasks that name none.
    usual_tools: Vec<Tool>,
    /// By the names that tasks give.
    tools: BTreeMap<Vec<String>, Vec<Tool>>,
    /// Does the tasks that ask for nothing of their own.
    usual: Arc<Agent>,
}

impl Crew {
    /// Makes everything that the tasks need.
    pub async fn gather(
        args: &AgentArgs,
        settings: &Settings,
        tasks: &[Task],
        account: Account,
        quiet: bool,
    ) -> Result<Self, Failure> {
        // Tools first: a mistyped name should not wait for the model to load.
        let progress = Arc::new(Progress::new(quiet));
        settings.telemetry.destination()?;
        let schema = args.output_schema.as_deref();
        let schema = schema.map(setup::schema).transpose()?;
        let usual = Choice::new(&args.tools.own, &progress, None)?;
        let mut choices = BTreeMap::new();
        for task in tasks {
            let Some(names) = &task.tools else { continue };
            if !choices.contains_key(names) {
                let own = of_task(&args.tools.own, names);
                let choice = Choice::new(&own, &progress, None)
                    .map_err(|failure| failure.of(&format!("task `{}`", task.id)))?;
                choices.insert(names.clone(), choice);
            }
        }
        let servers = servers::connect(&args.tools, settings, &progress).await?;
        let engine = setup::engine(args, settings, &progress).await?;
        let form = Form::of(engine.profile());
        let usual_tools = usual.tools(form);
        let tools = choices
            .into_iter()
            .map(|(names, choice)| (names, choice.tools(form)))
            .collect();
        let shared = Arc::clone(&engine);
        let account = Arc::new(account);
        let mut usual = setup::builder(args, settings, shared, usual_tools.clone(), &servers)?
            .account(Arc::clone(&account));
        if let Some(schema) = &schema {
            usual = usual.answer_schema(schema.clone());
        }
        let usual = usual.build()?;
        Ok(Self {
            args: args.clone(),
            settings: settings.clone(),
            engine,
            servers,
            account,
            schema,
            usual_tools,
            tools,
            usual: Arc::new(usual),
        })
    }

    /// Those of the usual tools that a task names which came later: it may choose
    /// among what there is.
    fn picked(&self, task: &Task, names: &[String]) -> Result<Vec<Tool>, Error> {
        let pick = |name: &String| {
            let tool = self.usual_tools.iter().find(|tool| tool.name() == name);
            tool.cloned().ok_or_else(|| Error::TaskRefused {
                id: task.id.clone(),
                what: format!("the tool `{name}`"),
            })
        };
        names.iter().map(pick).collect()
    }

    /// On which all tasks count.
    pub fn account(&self) -> Arc<Account> {
        Arc::clone(&self.account)
    }

    /// The servers, to be closed at the end.
    pub fn servers(&self) -> Vec<Arc<Server>> {
        self.servers.clone()
    }
}

impl Agents for Crew {
    fn agent(&self, task: &Task) -> Result<Arc<Agent>, Error> {
        let is_usual = task.tools.is_none() && task.system.is_none() && task.schema.is_none();
        if is_usual && task.limits.is_empty() {
            return Ok(Arc::clone(&self.usual));
        }
        let mut args = self.args.clone();
        if let Some(names) = &task.tools {
            args.tools.own = of_task(&args.tools.own, names);
        }
        args.system = task.system.clone().or(args.system);
        let tools = match &task.tools {
            Some(names) => match self.tools.get(names) {
                Some(made) => made.clone(),
                None => self.picked(task, names)?,
            },
            None => self.usual_tools.clone(),
        };
        let budget = task.limits.within(setup::budget(&args));
        let engine = Arc::clone(&self.engine);
        let mut builder = setup::builder(&args, &self.settings, engine, tools, &self.servers)?
            .budget(budget)
            .account(Arc::clone(&self.account));
        if let Some(schema) = task.schema.as_ref().or(self.schema.as_ref()) {
            builder = builder.answer_schema(schema.clone());
        }
        Ok(Arc::new(builder.build()?))
    }
}

/// The tools that a task names; no name at all means none.
fn of_task(own: &OwnTools, names: &[String]) -> OwnTools {
    let tools = match names {
        [] => vec!["none".to_owned()],
        names => names.to_vec(),
    };
    OwnTools {
        tools,
        ..own.clone()
    }
}
