//! The workflow for GitHub Actions is run: each of its commands, in a repository as somebody would have it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/github-actions")
}

fn workflow() -> Value {
    let text = std::fs::read_to_string(example().join(".github/workflows/pai.yaml")).expect("a workflow");
    serde_yaml::from_str(&text).expect("YAML")
}

fn steps(workflow: &Value) -> &[Value] {
    workflow["jobs"]["check"]["steps"].as_array().expect("steps")
}

/// A copy of the example with a `pai` on the PATH, committed to `main`, on a branch of its own.
struct Repository {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

impl Repository {
    fn new(workflow: &Value) -> Self {
        let folder = TempDir::new().expect("a folder");
        copy(&example(), &folder.path().join("repository"));
        let program = Path::new(env!("CARGO_BIN_EXE_pai")).parent().expect("a folder").display().to_string();
        let path = std::env::var("PATH").expect("a PATH");
        let mut environment = vec![
            ("PATH".to_owned(), format!("{program}:{path}")),
            ("GIT_CONFIG_GLOBAL".to_owned(), "/dev/null".to_owned()),
            ("GITHUB_BASE_REF".to_owned(), "main".to_owned()),
            ("GITHUB_STEP_SUMMARY".to_owned(), folder.path().join("summary.md").display().to_string()),
            ("NO_COLOR".to_owned(), "1".to_owned()),
        ];
        let settings = workflow["env"].as_object().expect("settings");
        environment.extend(
            settings.iter().map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned())),
        );
        let repository = Self { folder, environment };
        // As actions/checkout leaves it: the base is a remote branch.
        repository.passes(
            "git init -q -b main && git add -A && git -c user.name=a -c user.email=a@example.com commit -qm Base && \
             git update-ref refs/remotes/origin/main main && git checkout -qb change",
        );
        repository
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// As a runner starts a step.
    fn run(&self, script: &str) -> (i32, String) {
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(self.path());
        let output = command.envs(self.environment.iter().cloned()).output().expect("started");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().expect("an exit code"), String::from_utf8(said).expect("text"))
    }

    fn passes(&self, script: &str) -> String {
        let (code, said) = self.run(script);
        assert_eq!(code, 0, "{script}\n{said}");
        said
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// The commands of the workflow, but for the one that installs `pai`.
fn commands(workflow: &Value) -> Vec<(&str, &str)> {
    let commands =
        steps(workflow).iter().filter_map(|step| Some((step["name"].as_str()?, step["run"].as_str()?)));
    commands.filter(|(name, _)| *name != "Install pai").collect()
}

#[test]
fn every_command_of_the_workflow_passes_on_the_example() {
    let workflow = workflow();
    let repository = Repository::new(&workflow);
    let commands = commands(&workflow);
    assert!(commands.len() >= 3);
    for (_, script) in commands {
        repository.passes(script);
    }
    for step in steps(&workflow) {
        for file in ["path", "sarif_file"].iter().filter_map(|key| step["with"][key].as_str()) {
            assert!(repository.path().join(file).exists(), "{file} is attached, and nothing makes it");
        }
    }
}

#[test]
fn the_workflow_stops_what_is_wrong() {
    let workflow = workflow();
    let step =
        |name: &str| commands(&workflow).into_iter().find(|(known, _)| *known == name).expect("a step").1;
    let repository = Repository::new(&workflow);
    let triage = repository.path().join("manifests/triage.yaml");
    let text = std::fs::read_to_string(&triage).expect("text");

    std::fs::write(&triage, text.replace("maxPerDay", "maxPerDy")).expect("written");
    let (code, said) = repository.run(step("Check manifests and policies"));
    assert!(code == 1 && said.contains("::error file=manifests/triage.yaml,line="), "{said}");
    assert_eq!(
        repository.run(step("Write the findings for code scanning")).0,
        0,
        "there is something to upload"
    );
    let sarif = std::fs::read_to_string(repository.path().join("pai.sarif")).expect("text");
    let sarif: Value = serde_json::from_str(&sarif).expect("JSON");
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "PAI0205", "{sarif}");
    let place = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, "manifests/triage.yaml", "code scanning looks from the root of the repository");
    assert_eq!(repository.run(step("Build the bundle")).0, 1);

    std::fs::write(&triage, text.replace("1_000_000", "2_000_000")).expect("written");
    let (code, said) = repository.run(step("Test who may do what"));
    assert!(code == 1 && said.contains("FAIL") && said.contains("+ found     allowed"), "{said}");
    assert_eq!(repository.run(step("Say what the change means")).0, 1);
    let summary = std::fs::read_to_string(repository.folder.path().join("summary.md")).expect("a summary");
    assert!(summary.contains("2000000") || summary.contains("2,000,000"), "{summary}");

    std::fs::write(&triage, text.replace("  name: triage", "    name: triage")).expect("written");
    let (code, said) = repository.run(step("Check the layout"));
    assert!(code == 1 && said.contains("+  name: triage"), "{said}");
}

#[test]
fn the_workflow_pins_the_version_of_this_repository() {
    let workflow = workflow();
    let install = steps(&workflow).iter().find(|step| step["name"] == "Install pai").expect("a step");
    assert_eq!(install["run"], format!("pipx install pai-cli=={}", env!("CARGO_PKG_VERSION")));
}
