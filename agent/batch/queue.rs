//! A queue in PostgreSQL that workers on many machines share.
//!
//! A worker leases a task, renews the lease while it works, and writes the result
//! under it. A lease that is not renewed ends, and another worker may take the task:
//! the first can write no result then, however late it comes back. So there is one
//! result for each task, whatever becomes of workers and their machines.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
    tokio_postgres::{self, Config},
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use super::{Task, TaskResult};
use crate::Error;

/// What brings the tables from each version to the next.
const VERSIONS: [&str; 1] = [include_str!("queue/1.sql")];

/// Held while the tables are made, so that one process does it. Any number will do.
const LOCK: i64 = 0x676c_6d5f_6261;

/// Tasks that are added, and results that are collected, at a time.
const AT_A_TIME: usize = 500;

/// Connections of one process at most.
const CONNECTIONS: usize = 4;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A queue of tasks.
#[derive(Clone)]
pub struct Queue {
    pool: Pool,
    /// Its address without the password.
    name: String,
}

/// A task that a worker may do, for as long as it renews the lease.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased {
    /// The batch.
    pub batch: String,
    /// The task.
    pub task: Task,
    /// An attempt that failed before is no result.
    pub anew: bool,
    /// How many workers have begun it, this one included.
    pub begun: u32,
    /// Names the lease; nobody else knows it.
    pub lease: String,
}

impl Queue {
    /// Connects to `postgres://USER@HOST/DATABASE`, and makes the tables on first use.
    /// The password may come from `PGPASSWORD`. Servers that offer TLS are
    /// authenticated by the system's certificates.
    ///
    /// # Errors
    /// When the address is none, the server cannot be reached, or the tables are those
    /// of a newer version.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let (config, name) = address(url)?;
        let fail = |reason: String| Error::Queue {
            name: name.clone(),
            reason,
        };
        let tls = MakeRustlsConnect::new(tls().map_err(|error| fail(error.to_string()))?);
        let manager = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let pool = Pool::builder(Manager::from_config(config, tls, manager))
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(PATIENCE))
            .wait_timeout(Some(PATIENCE))
            .build()
            .map_err(|error| fail(error.to_string()))?;
        let queue = Self { pool, name };
        queue.prepare().await?;
        Ok(queue)
    }

    /// Its address, without the password.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds tasks, each of an id of its own. One that is there stays as it is if it was
    /// begun. With `anew`, attempts that failed before are no results.
    ///
    /// # Errors
    /// When the server cannot be used; some may have been added.
    pub async fn add(&self, batch: &str, tasks: &[Task], anew: bool) -> Result<(), Error> {
        const ADD: &str = "INSERT INTO glm_agent.tasks AS known (batch, id, task, anew)
            SELECT $1, new.id, new.task::json, $4::boolean
            FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS new (id, task, place)
            ORDER BY new.place
            ON CONFLICT (batch, id) DO UPDATE SET task = excluded.task, anew = excluded.anew
                WHERE known.begun = 0";
        for some in tasks.chunks(AT_A_TIME) {
            let ids: Vec<&str> = some.iter().map(|task| task.id.as_str()).collect();
            let json: Result<Vec<String>, _> = some.iter().map(serde_json::to_string).collect();
            let json = json.map_err(|error| self.fail(error.to_string()))?;
            let client = self.client().await?;
            let added = client.execute(ADD, &[&batch, &ids, &json, &anew]).await;
            added.map_err(|error| self.broken(&error))?;
        }
        Ok(())
    }

    /// Leases the next tasks that nobody works on, up to so many.
    ///
    /// # Errors
    /// When the server cannot be used.
    pub async fn lease(
        &self,
        worker: &str,
        count: usize,
        time: Duration,
    ) -> Result<Vec<Leased>, Error> {
        // Materialised, or the plan might look for the next ones more than once.
        const LEASE: &str = "WITH next AS MATERIALIZED (
                SELECT batch, id FROM glm_agent.tasks
                WHERE result IS NULL AND (lease IS NULL OR leased_until < now())
                ORDER BY place
                LIMIT $3
                FOR UPDATE SKIP LOCKED
            )
            UPDATE glm_agent.tasks AS task
            SET lease = gen_random_uuid()::text,
                leased_until = now() + make_interval(secs => $1),
                worker = $2,
                begun = begun + 1
            FROM next
            WHERE task.batch = next.batch AND task.id = next.id
            RETURNING task.batch, task.task::text, task.anew, task.begun, task.lease";
        let client = self.client().await?;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = client
            .query(LEASE, &[&time.as_secs_f64(), &worker, &count])
            .await
            .map_err(|error| self.broken(&error))?;
        let mut leased = Vec::new();
        for row in rows {
            let task: String = row.get(1);
            let task = serde_json::from_str(&task)
                .map_err(|error| self.fail(format!("a task there is none: {error}")))?;
            leased.push(Leased {
                batch: row.get(0),
                task,
                anew: row.get(2),
                begun: u32::try_from(row.get::<_, i32>(3)).unwrap_or(u32::MAX),
                lease: row.get(4),
            });
        }
        Ok(leased)
    }

    /// Renews leases, and returns those that still hold.
    ///
    /// # Errors
    /// When the server cannot be used.
    pub async fn renew(&self, leases: &[String], time: Duration) -> Result<Vec<String>, Error> {
        const RENEW: &str = "UPDATE glm_agent.tasks
            SET leased_until = now() + make_interval(secs => $1)
            WHERE lease = ANY ($2) AND result IS NULL
            RETURNING lease";
        let client = self.client().await?;
        let rows = client.query(RENEW, &[&time.as_secs_f64(), &leases]).await;
        let rows = rows.map_err(|error| self.broken(&error))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Writes a result, if its lease still holds: `false` when another worker has the
    /// task, or has done it.
    ///
    /// # Errors
    /// When the server cannot be used; whether it was written is then unknown, and the
    /// same can be tried again.
    pub async fn finish(&self, leased: &Leased, result: &TaskResult) -> Result<bool, Error> {
        // The lease stays, so that the same result can be written twice.
        const FINISH: &str = "UPDATE glm_agent.tasks SET result = $4::text::json
            WHERE batch = $1 AND id = $2 AND lease = $3";
        let json = serde_json::to_string(result).map_err(|error| self.fail(error.to_string()))?;
        let client = self.client().await?;
        let (batch, id, lease) = (&leased.batch, &leased.task.id, &leased.lease);
        let written = client.execute(FINISH, &[batch, id, lease, &json]).await;
        Ok(written.map_err(|error| self.broken(&error))? == 1)
    }

    /// Gives a task back that was not done.
    ///
    /// # Errors
    /// When the server cannot be used; the lease then ends by itself.
    pub async fn release(&self, leased: &Leased) -> Result<(), Error> {
        const RELEASE: &str = "UPDATE glm_agent.tasks
            SET lease = NULL, leased_until = NULL, worker = NULL, begun = begun - 1
            WHERE batch = $1 AND id = $2 AND lease = $3 AND result IS NULL";
        let client = self.client().await?;
        let (batch, id, lease) = (&leased.batch, &leased.task.id, &leased.lease);
        let released = client.execute(RELEASE, &[batch, id, lease]).await;
        released.map(|_| ()).map_err(|error| self.broken(&error))
    }

    /// Results of a batch that were not [collected](Self::collected) yet, some at a time.
    ///
    /// # Errors
    /// When the server cannot be used.
    pub async fn results(&self, batch: &str) -> Result<Vec<TaskResult>, Error> {
        const RESULTS: &str = "SELECT result::text FROM glm_agent.tasks
            WHERE batch = $1 AND result IS NOT NULL
            ORDER BY place
            LIMIT $2";
        let client = self.client().await?;
        let rows = client.query(RESULTS, &[&batch, &(AT_A_TIME as i64)]).await;
        let rows = rows.map_err(|error| self.broken(&error))?;
        let parsed = rows.iter().map(|row| serde_json::from_str(row.get(0)));
        let results: Result<Vec<TaskResult>, _> = parsed.collect();
        results.map_err(|error| self.fail(format!("a result there is none: {error}")))
    }

    /// Removes tasks whose results are kept elsewhere now.
    ///
    /// # Errors
    /// When the server cannot be used.
    pub async fn collected(&self, batch: &str, ids: &[String]) -> Result<(), Error> {
        const REMOVE: &str = "DELETE FROM glm_agent.tasks
            WHERE batch = $1 AND id = ANY ($2) AND result IS NOT NULL";
        let client = self.client().await?;
        let removed = client.execute(REMOVE, &[&batch, &ids]).await;
        removed.map(|_| ()).map_err(|error| self.broken(&error))
    }

    /// How many tasks have no result yet, those of all batches.
    ///
    /// # Errors
    /// When the server cannot be used.
    pub async fn left(&self) -> Result<u64, Error> {
        const LEFT: &str = "SELECT count(*) FROM glm_agent.tasks WHERE result IS NULL";
        let client = self.client().await?;
        let row = client.query_one(LEFT, &[]).await;
        let count: i64 = row.map_err(|error| self.broken(&error))?.get(0);
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Makes the tables, or brings them up to date.
    async fn prepare(&self) -> Result<(), Error> {
        let broken = |error: tokio_postgres::Error| self.broken(&error);
        let mut client = self.client().await?;
        let change = client.transaction().await.map_err(broken)?;
        change
            .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
            .await
            .map_err(broken)?;
        let known = "SELECT to_regclass('glm_agent.version') IS NOT NULL";
        let is_known: bool = change.query_one(known, &[]).await.map_err(broken)?.get(0);
        if !is_known {
            let new = "CREATE SCHEMA IF NOT EXISTS glm_agent;
                CREATE TABLE glm_agent.version (version integer NOT NULL);
                INSERT INTO glm_agent.version VALUES (0)";
            change.batch_execute(new).await.map_err(broken)?;
        }
        let row = change
            .query_one("SELECT version FROM glm_agent.version", &[])
            .await
            .map_err(broken)?;
        let version = usize::try_from(row.get::<_, i32>(0)).unwrap_or(0);
        let Some(missing) = VERSIONS.get(version..) else {
            return Err(self.fail(format!(
                "its tables are those of a newer version ({version}, this one knows {})",
                VERSIONS.len()
            )));
        };
        if !missing.is_empty() {
            change
                .batch_execute(&missing.join("\n"))
                .await
                .map_err(broken)?;
            let version = VERSIONS.len() as i32;
            change
                .execute("UPDATE glm_agent.version SET version = $1", &[&version])
                .await
                .map_err(broken)?;
        }
        change.commit().await.map_err(broken)
    }

    async fn client(&self) -> Result<Object, Error> {
        use deadpool_postgres::PoolError;
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => self.broken(&error),
            PoolError::Timeout(_) => self.fail("the server does not answer".to_owned()),
            error => self.fail(error.to_string()),
        })
    }

    fn broken(&self, error: &tokio_postgres::Error) -> Error {
        self.fail(reason(error))
    }

    fn fail(&self, reason: String) -> Error {
        Error::Queue {
            name: self.name.clone(),
            reason,
        }
    }
}

/// An error with its causes: by itself the library says little.
fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        return error.message().to_owned();
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    if text.contains("certificate") {
        text += "\nhint: SSL_CERT_FILE names the certificate of its authority; ?sslmode=disable \
                 does without TLS";
    }
    text
}

/// What the address says, and the address without its password.
fn address(text: &str) -> Result<(Config, String), Error> {
    // What is wrong with it is not told: it may hold a password, in any place.
    let wrong = || Error::QueueAddress;
    let mut url = Url::parse(text).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(wrong());
    }
    // Certificates are verified in any case, and the library knows no words for it.
    let pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| match (&*name, &*value) {
            ("sslmode", "verify-ca" | "verify-full") => (name.into(), "require".into()),
            _ => (name.into(), value.into()),
        })
        .collect();
    if !pairs.is_empty() {
        url.query_pairs_mut().clear().extend_pairs(&pairs);
    }
    let mut config: Config = url.as_str().parse().map_err(|_| wrong())?;
    if config.get_password().is_none()
        && let Ok(password) = std::env::var("PGPASSWORD")
    {
        config.password(password);
    }
    if config.get_application_name().is_none() {
        config.application_name("glm");
    }
    config.connect_timeout(PATIENCE);
    // A parameter may be a password, too.
    url.set_query(None);
    if url.password().is_some() {
        url.set_password(Some("***")).map_err(|()| wrong())?;
    }
    Ok((config, url.to_string()))
}

/// TLS as the rest of the program does it, with the system's certificates.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!("some of the system's certificates cannot be read: {error}");
    }
    roots.add_parsable_certificates(found.certs);
    let provider = Arc::new(aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_its_password() {
        let (config, name) =
            address("postgres://ada:s3cret@db.example.com:6543/tasks?sslmode=verify-full").unwrap();
        assert_eq!(name, "postgres://ada:***@db.example.com:6543/tasks");
        assert_eq!(config.get_password(), Some(b"s3cret".as_slice()));
        assert_eq!(
            config.get_ssl_mode(),
            tokio_postgres::config::SslMode::Require
        );
        let (_, name) = address("postgres://db.example.com/tasks?password=s3cret").unwrap();
        assert_eq!(name, "postgres://db.example.com/tasks");
    }

    #[test]
    fn what_is_no_address_is_not_repeated() {
        for text in [
            "mysql://ada:s3cret@host/db",
            "s3cret",
            "postgres://ada:s3cret@host:port/db",
            "postgres://ada:s3cret@host/db?nonsense=s3cret",
        ] {
            let error = address(text).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
