//! Command lines and what they must be taken for.

use super::*;

/// `verb flag=value... | word...`, or what else the line came to.
fn shown(line: &str) -> String {
    let words = line
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(|word| OsString::from(if word == "''" { "" } else { word }));
    let line = parse(words.collect());
    let options = |options: &Options| {
        let mut text = String::new();
        for (name, value) in options
            .given
            .iter()
            .filter(|row| row.0 != "help" && row.0 != "version")
        {
            text += &match value {
                Value::Switch(on) => format!(" {name}={on}"),
                Value::Text(value) => format!(" {name}={}", value.to_string_lossy()),
            };
        }
        text
    };
    let globals = options(&line.globals);
    let wish = match line.wish {
        Wish::Run(verb, given) => {
            let words: Vec<_> = given
                .words
                .iter()
                .map(|word| word.to_string_lossy())
                .collect();
            format!("{}{} | {}", verb.name, options(&given), words.join(" "))
        }
        Wish::Help(verb) => format!("help {}", verb.map_or("", |verb| verb.name)),
        Wish::Version => "version".to_string(),
        Wish::Wrong(verb, message) => format!("wrong {}: {message}", verb.map_or("", |v| v.name)),
        Wish::NoSuchVerb(name) => format!("unknown {name}"),
    };
    format!(
        "{}{wish}",
        if globals.is_empty() {
            globals
        } else {
            format!("[{}] ", &globals[1..])
        }
    )
}

#[test]
fn lines() {
    let rows = [
        ("mote", "help "),
        ("", "help "),
        ("mote --help", "help "),
        ("mote -h create", "help "),
        ("mote help run", "help run"),
        ("mote run --help", "help run"),
        ("mote run -h x", "help run"),
        ("mote help nothing", "unknown nothing"),
        ("mote nothing", "unknown nothing"),
        ("mote --version", "version"),
        ("mote -v", "version"),
        ("mote create x", "create | x"),
        ("mote create --bundle D x", "create bundle=D | x"),
        ("mote create -bundle D x", "create bundle=D | x"),
        ("mote create --bundle=D x", "create bundle=D | x"),
        ("mote create -bundle=D=E x", "create bundle=D=E | x"),
        ("mote create -b D x", "create bundle=D | x"),
        ("mote create -b=D x", "create bundle=D | x"),
        ("mote create -bD x", "create bundle=D | x"),
        ("mote create x --bundle D", "create bundle=D | x"),
        (
            "mote create x -b",
            "wrong create: flag needs an argument: -bundle",
        ),
        ("mote create --bundle -x x", "create bundle=-x | x"),
        ("mote create --bundle= x", "create bundle= | x"),
        ("mote create -- -x", "create | -x"),
        ("mote create -", "create | -"),
        ("mote create ''", "create | "),
        (
            "mote create",
            "wrong create: mote: \"create\" requires exactly 1 argument(s)",
        ),
        (
            "mote create x y",
            "wrong create: mote: \"create\" requires exactly 1 argument(s)",
        ),
        (
            "mote create x -- y",
            "wrong create: mote: \"create\" requires exactly 1 argument(s)",
        ),
        (
            "mote create --zed x",
            "wrong create: flag provided but not defined: -zed",
        ),
        (
            "mote create -zed x",
            "wrong create: flag provided but not defined: -zed",
        ),
        (
            "mote --zed create",
            "wrong : flag provided but not defined: -zed",
        ),
        ("mote --root /x create y", "[root=/x] create | y"),
        (
            "mote -root=/x -debug create y",
            "[root=/x debug=true] create | y",
        ),
        ("mote create --root /x y", "[root=/x] create | y"),
        ("mote --debug=false create y", "[debug=false] create | y"),
        (
            "mote --debug=maybe list",
            "wrong : invalid boolean value \"maybe\" for -debug",
        ),
        ("mote run -d x", "run detach=true | x"),
        ("mote run -d=false x", "run detach=false | x"),
        ("mote run --detach=T x", "run detach=true | x"),
        (
            "mote run x --detach --keep",
            "run detach=true keep=true | x",
        ),
        (
            "mote run --rootfs R x -- sh -c y",
            "run rootfs=R | x sh -c y",
        ),
        ("mote run --rootfs R -- x", "run rootfs=R | x"),
        (
            "mote run --rootfs R x sh",
            "wrong run: mote: \"run\" requires exactly 1 argument(s)",
        ),
        ("mote run --rootfs R x -- -- -d", "run rootfs=R | x -- -d"),
        ("mote exec x sh -c y", "exec | x sh -c y"),
        (
            "mote exec -t -e A=1 --env B=2,3 x sh --tty",
            "exec tty=true env=A=1 env=B=2,3 | x sh --tty",
        ),
        ("mote exec -td x sh", "exec tty=true detach=true | x sh"),
        ("mote exec -tu 1:2 x sh", "exec tty=true user=1:2 | x sh"),
        (
            "mote exec -tz x sh",
            "wrong exec: flag provided but not defined: -z",
        ),
        ("mote exec -td=1 x sh", "wrong exec: flag takes no value"),
        ("mote exec x -- sh --", "exec | x sh --"),
        ("mote exec -- x sh", "exec | x sh"),
        (
            "mote exec --cgroup cpu,cpuacct:a x sh",
            "exec cgroup=cpu,cpuacct:a | x sh",
        ),
        ("mote exec x", "exec | x"),
        (
            "mote exec",
            "wrong exec: mote: \"exec\" requires a minimum of 1 argument(s)",
        ),
        ("runc kill x 9", "kill | x 9"),
        ("mote kill -a x KILL", "kill all=true | x KILL"),
        ("mote kill x -9", "kill | x -9"),
        (
            "/usr/bin/runc kill x 9 9",
            "wrong kill: runc: \"kill\" requires a maximum of 2 argument(s)",
        ),
        ("mote ps -f json x -ef", "ps format=json | x -ef"),
        ("mote list -q -f table", "list quiet=true format=table | "),
        (
            "mote list x",
            "wrong list: mote: \"list\" requires exactly 0 argument(s)",
        ),
    ];
    for (line, expected) in rows {
        assert_eq!(shown(line), expected, "{line}");
    }
}

#[test]
fn lookups() {
    let words = [
        "mote", "exec", "-e", "A=1", "-t=0", "--env=B", "-p", "", "c", "sh", "-x",
    ];
    let Wish::Run(_, options) = parse(words.iter().map(OsString::from).collect()).wish else {
        panic!()
    };
    assert!(!options.flag("tty"));
    assert_eq!(options.given("tty"), Some(false));
    assert_eq!(options.given("no-new-privs"), None);
    assert_eq!(options.list("env").collect::<Vec<_>>(), ["A=1", "B"]);
    assert_eq!(options.text("process"), None);
    assert_eq!(options.positional(0), Some(OsStr::new("c")));
    assert_eq!(options.rest(), ["sh", "-x"]);
    assert_eq!(options.number("preserve-fds").unwrap(), None);
}

#[test]
fn numbers() {
    for (text, expected) in [("0", Some(0)), ("7", Some(7)), ("-1", None), ("1x", None)] {
        let words = ["mote", "run", "--preserve-fds", text, "c"];
        let Wish::Run(_, options) = parse(words.iter().map(OsString::from).collect()).wish else {
            panic!()
        };
        assert_eq!(options.number("preserve-fds").ok().flatten(), expected);
    }
}

/// Command lines without long names after one dash, split by `lexopt` as well.
#[test]
fn options_are_split_like_lexopts() {
    const WORDS: [&str; 18] = [
        "--",
        "-",
        "",
        "x",
        "--tty",
        "--tty=true",
        "--env",
        "--env=A=1",
        "--env=",
        "-t",
        "-td",
        "-tu",
        "-tu1",
        "-u1",
        "-u=1",
        "-tdu=1",
        "-td=1",
        "-tz",
    ];
    for number in 0..WORDS.len().pow(3) {
        let line: Vec<OsString> = (0..3)
            .map(|place| WORDS[number / WORDS.len().pow(place) % WORDS.len()].into())
            .collect();
        let (mut globals, mut own) = (Options::default(), Options::default());
        let flags = super::super::flags::EXEC;
        let taken = take(
            line.clone().into_iter(),
            flags,
            Tail::Mixed,
            &mut globals,
            Some(&mut own),
        );
        let ours = taken.ok().map(|taken| (taken.words, texts(&own)));
        assert_eq!(ours, split(&line, flags), "{line:?}");
    }
}

fn texts(options: &Options) -> Vec<String> {
    let text = |(name, value): &(&str, Value)| match value {
        Value::Switch(on) => format!("{name}={on}"),
        Value::Text(text) => format!("{name}={}", text.display()),
    };
    options.given.iter().map(text).collect()
}

fn split(line: &[OsString], flags: Flags) -> Option<(Vec<OsString>, Vec<String>)> {
    use lexopt::Arg;
    let mut parser = lexopt::Parser::from_args(line);
    let (mut words, mut options) = (Vec::new(), Vec::new());
    while let Some(piece) = parser.next().ok()? {
        let name = match piece {
            Arg::Value(word) => {
                words.push(word);
                continue;
            }
            Arg::Long(name) => name.to_string(),
            Arg::Short(letter) => letter.to_string(),
        };
        let letter = name.len() == 1;
        let (flag, _) = find(flags, name.as_bytes())?;
        let value = match (flag.takes_value(), letter) {
            (true, _) => parser
                .optional_value()
                .or_else(|| parser.raw_args().ok()?.next())?,
            (false, true) => "true".into(),
            (false, false) => parser.optional_value().unwrap_or("true".into()),
        };
        options.push(format!("{}={}", flag.long(), value.display()));
    }
    Some((words, options))
}
