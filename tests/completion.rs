//! `pai completion` and `pai man`: what a real shell offers, and pages for every command.

use std::fs;

use crate::person::Person;
use crate::support::MANIFESTS;

/// What bash offers for a line, with the cursor at its end.
fn offered(person: &Person, line: &str) -> Vec<String> {
    let script = format!(
        "source <(pai completion bash)\nread -ra COMP_WORDS <<<'{line}'\n{}\
         COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )) COMP_TYPE=9\n\
         _clap_complete_pai pai \"${{COMP_WORDS[COMP_CWORD]}}\" x\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        if line.ends_with(' ') { "COMP_WORDS+=('')\n" } else { "" }
    );
    let printed = person.shell("bash", &script);
    printed.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn workspace() -> Person {
    let person = Person::new();
    fs::create_dir(person.path(".git")).expect("a folder");
    fs::write(person.path("pai.yaml"), MANIFESTS).expect("written");
    let blue = "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: blueprint, namespace: blue}\nspec: {models: [anthropic/claude-haiku-4-5]}\n";
    fs::write(person.path("blue.yaml"), blue).expect("written");
    person
}

#[test]
fn commands_options_and_names_are_completed() {
    let person = workspace();
    let has = |line: &str, wanted: &[&str]| {
        let offered = offered(&person, line);
        assert!(wanted.iter().all(|one| offered.contains(&(*one).to_owned())), "{line}: {offered:?}");
    };
    let is = |line: &str, wanted: &[&str]| assert_eq!(offered(&person, line), wanted, "{line}");
    is("pai gat", &["gateway"]);
    has("pai gateway ", &["env", "claude-settings", "test", "token"]);
    has("pai gateway env --sh", &["--shell"]);
    has("pai gateway env --shell ", &["bash", "fish", "powershell"]);
    has("pai get ", &["model-providers", "agents", "access-keys", "guards"]);
    is("pai get ag", &["agents"]);
    is("pai get agents c", &["coder"]);
    is("pai get agent co", &["coder"]);
    is("pai get agents -n blue b", &["blueprint"]);
    is("pai get mp a", &["anthropic"]);
    is("pai get access-key/", &["access-key/laptop"]);
    is("pai get agents x", &[]);
    is("pai access-key create --model-provider ", &["anthropic"]);
    assert!(
        !offered(&person, "pai access-key create --name l").contains(&"laptop".to_owned()),
        "a new name is new"
    );
}

#[test]
fn a_broken_workspace_completes_nothing_and_says_nothing() {
    let person = Person::new();
    fs::create_dir(person.path(".git")).expect("a folder");
    fs::write(person.path("broken.yaml"), "kind: [\n").expect("written");
    assert_eq!(offered(&person, "pai get agents c"), Vec::<String>::new());
    let done = person.with_input(
        "bash",
        &[
            "-c",
            "source <(pai completion bash); PAI_COMPLETE=bash _CLAP_COMPLETE_INDEX=3 pai -- pai get agents c",
        ],
        "",
    );
    assert_eq!(done.said, "", "a shell shows what is said in the middle of the line");
}

#[test]
fn every_shell_has_a_script() {
    let person = Person::new();
    for (shell, mark) in [
        ("bash", "complete "),
        ("zsh", "#compdef pai"),
        ("fish", "complete "),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let done = person.pai(&["completion", shell]);
        assert!(
            done.code == 0 && done.printed.contains(mark) && done.printed.contains("PAI_COMPLETE"),
            "{shell}: {done:?}"
        );
    }
}

#[test]
fn every_command_has_a_page() {
    let person = Person::new();
    let done = person.pai(&["man", "--dir", "pages"]);
    assert_eq!(done.code, 0, "{done:?}");
    let page = |name: &str| {
        fs::read_to_string(person.path("pages").join(name)).unwrap_or_else(|_| panic!("no {name}"))
    };
    assert!(page("pai.1").contains("pai\\-gateway"));
    let env = page("pai-gateway-env.1");
    assert!(env.contains("\\-\\-shell") && env.contains("pai gateway env"), "{env}");
    assert_eq!(person.pai(&["man", "gateway", "env"]).printed, env);
    let done = person.pai(&["man", "gatewy"]);
    assert!(done.code == 2 && done.said.contains("no command `gatewy`"), "{done:?}");
}
