//! The part of an `Agent` that describes the workload: checked as far as its documentation goes, carried by nobody here.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use serde_json::{Map, Value};

use super::secret_ref::SecretRef;
use super::text;

/// The workload.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "checked for its author, not acted on by the gateway")]
pub(crate) struct Workload {
    /// Kind of workload. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = &"service")]
    r#type: Option<String>,
    /// Whether the workload runs all the time; needs `harness: custom` and an `image`, and has no `triggers`. Not acted
    /// on by the gateway.
    #[serde(default)]
    #[schemars(example = true, extend("default" = false))]
    long_running: Option<bool>,
    /// What runs the agent's loop; `custom` for an image of your own. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = &"custom")]
    harness: Option<String>,
    /// What starts the agent. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = json!([{"schedule": "0 6 * * *"}]))]
    triggers: Vec<Value>,
    /// Container image. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(with = "Option<text::NotEmpty>")]
    #[schemars(example = &"registry.example.com/reviewer:1.0")]
    image: Option<String>,
    /// Number of copies. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = 2)]
    replicas: Option<u32>,
    /// User id in the container, 65532 where it is left out; root (0) is refused. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(range(min = 1))]
    #[schemars(example = 65532, extend("default" = 65532))]
    run_as_user: Option<u32>,
    /// Command in the container. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = ["/app/reviewer", "--watch"])]
    command: Vec<String>,
    /// Services that the workload may use. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = json!(["github"]))]
    providers: Vec<Value>,
    /// Environment variables. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = json!([{"name": "LOG_LEVEL", "value": "info"}, {"name": "GITHUB_TOKEN", "secretRef": {"name": "github", "key": "token"}}]), extend("default" = []))]
    env: Vec<Variable>,
    /// Skills. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = json!(["code-review"]))]
    skills: Vec<Value>,
    /// Who may call the agent. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = json!({"agents": ["planner"]}))]
    inbound: Option<Value>,
    /// Ports to open. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = json!([{"port": 8080}]))]
    expose: Vec<Value>,
    /// Volumes. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = json!([{"name": "cache", "mountPath": "/var/cache/reviewer"}]))]
    volumes: Vec<Value>,
    /// Files to place in the container. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = json!([{"path": "/etc/reviewer.toml", "content": "depth = 2"}]))]
    config_files: Vec<Value>,
    /// Requests and limits of memory and processor. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = json!({"requests": {"cpu": "250m", "memory": "256Mi"}}))]
    resources: Option<Map<String, Value>>,
    /// When to run more or fewer copies. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = json!({"minReplicas": 1, "maxReplicas": 4}))]
    autoscaling: Option<Map<String, Value>>,
    /// What of the file system can be written. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = json!({"readOnly": true}))]
    filesystem: Option<Map<String, Value>>,
    /// Packages to install. Not acted on by the gateway.
    #[serde(default)]
    #[schemars(example = json!(["git", "ripgrep"]))]
    packages: Option<Value>,
}

/// An environment variable: a `value`, or a `secretRef`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 2, "maxProperties" = 2))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "checked for its author, not acted on by the gateway")]
pub(crate) struct Variable {
    /// Its name.
    #[schemars(with = "text::NotEmpty")]
    #[schemars(example = &"LOG_LEVEL")]
    name: String,
    /// Its value; not for secrets.
    #[serde(default)]
    #[schemars(example = &"info")]
    value: Option<String>,
    /// The Secret that holds its value.
    #[serde(default)]
    #[schemars(example = json!({"name": "github", "key": "token"}))]
    secret_ref: Option<SecretRef>,
}
