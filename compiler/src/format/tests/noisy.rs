//! Manifests as tired people write them: any values, in any layout that is YAML.

use proptest::prelude::*;

/// A value, without its layout.
#[derive(Debug, Clone)]
enum Value {
    Plain(&'static str),
    Block(&'static str, Vec<&'static str>),
    List(Vec<Value>),
    Mapping(Vec<Value>),
    Brackets(Vec<&'static str>),
    Braces(Vec<&'static str>),
}

fn value() -> impl Strategy<Value = Value> {
    let words = vec![
        "a",
        "1_000",
        "12",
        "'x'",
        "'it''s'",
        "\"y\\n\\\"z\"",
        "'say \"a\"'",
        "p/claude-*",
        "~",
        "\"\"",
        "é ü",
        "a#b",
        "two words",
        "-1",
        "\"\\x41\"",
    ];
    let word = prop::sample::select(words);
    let lines = prop::collection::vec(
        prop::sample::select(vec!["text", "  more", "# not a comment", "", "a: b", "- c", "end  "]),
        1..4,
    );
    let leaf = prop_oneof![
        4 => word.clone().prop_map(Value::Plain),
        1 => (prop::sample::select(vec!["|", ">", "|-", ">-"]), lines).prop_map(|(style, mut lines)| {
            lines.insert(0, "first");
            Value::Block(style, lines)
        }),
        1 => prop::collection::vec(word.clone(), 0..9).prop_map(Value::Brackets),
        1 => prop::collection::vec(word, 0..9).prop_map(Value::Braces),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Value::List),
            prop::collection::vec(inner, 1..4).prop_map(Value::Mapping),
        ]
    })
}

/// A manifest of ours with any values, in any layout.
pub(crate) fn manifest() -> impl Strategy<Value = String> {
    let whims = prop::collection::vec(any::<u8>(), 64);
    (prop::collection::vec(value(), 1..4), whims).prop_map(|(values, whims)| {
        let mut page = Page { text: String::new(), whims: whims.into_iter().cycle().collect::<Whims>() };
        page.line(0, "apiVersion:  pai.io/v1");
        page.line(0, "kind: 'Agent'");
        page.mapping(&values, 0);
        page.line(0, "last: 1");
        page.text
    })
}

/// Something that confuses readers.
pub(crate) fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "\n",
        "\r\n",
        " ",
        "\t",
        "- ",
        "? ",
        ": ",
        "'",
        "\"",
        "#",
        " # c\n",
        "|\n",
        ">+\n",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a ",
        "*a ",
        "!t ",
        "---\n",
        "\n---\n",
        "\n...\n",
        "%YAML 1.2\n",
        "\u{feff}",
        "\u{85}",
        "é",
        "<<: ",
        "\\",
        "key:\n",
    ])
}

/// What the writer does next, for ever.
struct Whims {
    all: Vec<u8>,
    next: usize,
}

impl FromIterator<u8> for Whims {
    fn from_iter<I: IntoIterator<Item = u8>>(all: I) -> Self {
        Self { all: all.into_iter().take(64).collect(), next: 0 }
    }
}

impl Whims {
    fn below(&mut self, end: usize) -> usize {
        self.next += 1;
        usize::from(self.all[self.next % self.all.len()]) % end
    }
}

struct Page {
    text: String,
    whims: Whims,
}

impl Page {
    /// A line, with what people leave around it.
    fn line(&mut self, indent: usize, text: &str) {
        match self.whims.below(8) {
            0 => self.text.push('\n'),
            1 => self.text.push_str(&format!("{}# c before\n", " ".repeat(indent))),
            2 => self.text.push_str("\n\n \n# c far\n"),
            _ => {}
        }
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(text);
        self.text.push_str(["", "", "", "  ", " # c behind", "   # c  "][self.whims.below(6)]);
        self.text.push('\n');
    }

    fn value(&mut self, before: &str, value: &Value, indent: usize) {
        let spaces = " ".repeat(1 + self.whims.below(3));
        match value {
            Value::Plain(word) => self.line(indent, &format!("{before}{spaces}{word}")),
            Value::Block(style, lines) => {
                self.text.push_str(&format!("{}{before}{spaces}{style}\n", " ".repeat(indent)));
                let step = indent + 1 + self.whims.below(4);
                for line in lines {
                    self.text.push_str(&format!("{}{line}\n", " ".repeat(step)));
                }
            }
            Value::Brackets(words) => {
                let words = words.join([", ", ",", " ,  "][self.whims.below(3)]);
                self.line(indent, &format!("{before}{spaces}[{words}]"));
            }
            Value::Braces(words) => {
                let pairs: Vec<String> =
                    words.iter().enumerate().map(|(at, word)| format!("k{at}: {word}")).collect();
                let broken = format!(",\n{}", " ".repeat(indent + 2));
                let pairs = pairs.join([", ", &broken][self.whims.below(2)]);
                self.line(indent, &format!("{before}{spaces}{{{pairs} }}"));
            }
            Value::List(items) => {
                self.line(indent, before);
                // Dashes may stand under their key, but not under another dash.
                let least = usize::from(!before.ends_with(':'));
                let step = indent + least + self.whims.below(4);
                for item in items {
                    self.value("-", item, step);
                }
            }
            Value::Mapping(values) => {
                self.line(indent, before);
                let step = indent + 1 + self.whims.below(4);
                self.mapping(values, step);
            }
        }
    }

    fn mapping(&mut self, values: &[Value], indent: usize) {
        for (at, value) in values.iter().enumerate() {
            self.value(&format!("f{at}:"), value, indent);
        }
    }
}
