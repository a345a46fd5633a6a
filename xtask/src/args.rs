//! The command line: parsing, and the nearest command to a mistyped one.

use std::path::PathBuf;

/// Every command, in the order in which help lists them.
pub const COMMANDS: [&str; 11] = [
    "train",
    "test",
    "examples",
    "parity",
    "lint",
    "check-kernels",
    "explain",
    "doctor",
    "bundle",
    "setup",
    "help",
];

/// Commands whose program takes arguments, after `--`.
const TAKE_ARGUMENTS: [&str; 4] = ["train", "test", "check-kernels", "explain"];

#[derive(Debug, PartialEq)]
pub struct Invocation {
    pub command: Command,
    pub llvm: LlvmChoice,
    pub dry_run: bool,
}

#[derive(Debug, PartialEq)]
pub enum Command {
    Help(Option<String>),
    Setup,
    Train { arguments: Vec<String> },
    Test { filter: Option<String>, arguments: Vec<String> },
    Lint,
    CheckKernels { arguments: Vec<String> },
    Explain { arguments: Vec<String> },
    Examples,
    Parity,
    Doctor { strict: bool },
    Bundle { output: Option<PathBuf> },
}

/// Where LLVM comes from when the folder for it is empty.
#[derive(Debug, PartialEq, Default)]
pub enum LlvmChoice {
    /// The download where it can be reached, else an installed LLVM, else the system's packages.
    #[default]
    Auto,
    /// The download, whatever the connection test says.
    Download,
    /// An installed LLVM or the system's packages, without trying the network first.
    System,
    /// This `llvm-config`.
    Config(PathBuf),
}

/// Parses what follows `cargo xtask`.
pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Invocation, String> {
    let mut own: Vec<String> = arguments.into_iter().collect();
    // What stands after `--` belongs to the program that the command runs, not to this one.
    let passed = match own.iter().position(|argument| argument == "--") {
        Some(at) => own.split_off(at).split_off(1),
        None => Vec::new(),
    };

    let mut own = own.into_iter().peekable();
    let name = match own.peek() {
        None => "help".to_owned(),
        Some(first) if first == "-h" || first == "--help" => "help".to_owned(),
        Some(first) if COMMANDS.contains(&first.as_str()) => first.clone(),
        Some(first) => return Err(unknown_command(first)),
    };
    own.next();

    let mut llvm = LlvmChoice::Auto;
    let (mut dry_run, mut strict, mut wants_help) = (false, false, false);
    let mut output = None;
    // What goes to the program that checks kernels, in its own words.
    let mut checks: Vec<String> = Vec::new();
    let mut positional: Option<String> = None;
    while let Some(argument) = own.next() {
        let (flag, inline) = match argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => {
                (flag.to_owned(), Some(value.to_owned()))
            }
            _ => (argument.clone(), None),
        };
        let mut value = |what: &str| {
            inline.clone().or_else(|| own.next()).filter(|value| !value.is_empty()).ok_or_else(
                || format!("{flag} needs {what}, for example `{flag} {}`", example(&flag)),
            )
        };
        match flag.as_str() {
            "-h" | "--help" => wants_help = true,
            "-n" | "--dry-run" => dry_run = true,
            "--llvm" => llvm = llvm_choice(&value("one of auto, download, system")?)?,
            "--llvm-config" => {
                llvm = LlvmChoice::Config(PathBuf::from(value("the path of an llvm-config")?));
            }
            "--strict" if name == "doctor" => strict = true,
            "--output" | "-o" if name == "bundle" => {
                output = Some(PathBuf::from(value("a file name")?));
            }
            "--quick" if name == "check-kernels" => checks.push(flag),
            "--arch" | "--filter" | "--output" | "-o" if name == "check-kernels" => {
                let value = value("a value")?;
                checks.extend([flag, value]);
            }
            _ if flag.starts_with('-') => return Err(unknown_option(&name, &argument)),
            _ if matches!(name.as_str(), "test" | "explain" | "help") && positional.is_none() => {
                positional = Some(argument);
            }
            _ if name == "train" => return Err(unknown_option(&name, &argument)),
            _ => {
                return Err(format!(
                    "`{name}` takes no further argument, but got `{argument}`; \
                     see `cargo xtask help {name}`"
                ));
            }
        }
    }
    if !passed.is_empty() && !TAKE_ARGUMENTS.contains(&name.as_str()) {
        return Err(format!("`{name}` runs no program that could take arguments after `--`"));
    }

    let command = match name.as_str() {
        _ if wants_help => Command::Help(Some(name)),
        "train" => Command::Train { arguments: passed },
        "test" => Command::Test { filter: positional, arguments: passed },
        "lint" => Command::Lint,
        "check-kernels" => {
            checks.extend(passed);
            Command::CheckKernels { arguments: checks }
        }
        "explain" => Command::Explain { arguments: positional.into_iter().chain(passed).collect() },
        "examples" => Command::Examples,
        "parity" => Command::Parity,
        "doctor" => Command::Doctor { strict },
        "bundle" => Command::Bundle { output },
        "setup" => Command::Setup,
        _ => match positional {
            Some(topic) if !COMMANDS.contains(&topic.as_str()) => {
                return Err(unknown_command(&topic));
            }
            topic => Command::Help(topic),
        },
    };
    Ok(Invocation { command, llvm, dry_run })
}

fn llvm_choice(value: &str) -> Result<LlvmChoice, String> {
    match value {
        "auto" => Ok(LlvmChoice::Auto),
        "download" => Ok(LlvmChoice::Download),
        "system" => Ok(LlvmChoice::System),
        other => Err(format!(
            "--llvm takes auto, download or system, not `{other}`; \
             to name a program, use `--llvm-config {other}`"
        )),
    }
}

fn example(flag: &str) -> &'static str {
    match flag {
        "--llvm" => "system",
        "--llvm-config" => "/usr/lib/llvm-22/bin/llvm-config",
        "--arch" => "sm_90a",
        "--filter" => "bf16",
        _ => "tilewright.tar.xz",
    }
}

fn unknown_option(command: &str, argument: &str) -> String {
    match command {
        "train" => format!(
            "`train` does not know `{argument}`; what is meant for patchtst comes after `--`: \
             `cargo xtask train -- {argument}`"
        ),
        "test" => format!(
            "`test` does not know `{argument}`; what is meant for the test programs comes after \
             `--`: `cargo xtask test -- {argument}`"
        ),
        "explain" => format!(
            "`explain` does not know `{argument}`; what is meant for bench-suite comes after `--`: \
             `cargo xtask explain softcap -- {argument}`"
        ),
        "check-kernels" => format!(
            "`check-kernels` does not know `{argument}`; see `cargo xtask help check-kernels`; what \
             is meant for bench-suite comes after `--`: `cargo xtask check-kernels -- {argument}`"
        ),
        _ => format!("`{command}` does not know `{argument}`; see `cargo xtask help {command}`"),
    }
}

fn unknown_command(name: &str) -> String {
    match nearest(name, &COMMANDS) {
        Some(near) => format!("no command `{name}`; did you mean `cargo xtask {near}`?"),
        None => format!("no command `{name}`; the commands are {}", COMMANDS.join(", ")),
    }
}

/// The candidate that `name` is most likely a slip of, if any is close enough to be worth saying.
fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    if let Some(prefixed) = candidates.iter().find(|c| name.len() >= 2 && c.starts_with(&name)) {
        return Some(prefixed);
    }
    candidates
        .iter()
        .map(|candidate| (distance(&name, candidate), *candidate))
        .min()
        .filter(|(distance, candidate)| *distance * 2 <= candidate.len())
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Invocation, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    fn command(line: &str) -> Command {
        parse_line(line).expect(line).command
    }

    #[test]
    fn nothing_at_all_is_a_call_for_help() {
        assert_eq!(command(""), Command::Help(None));
        assert_eq!(command("--help"), Command::Help(None));
        assert_eq!(command("help bundle"), Command::Help(Some("bundle".into())));
        assert_eq!(command("bundle --help"), Command::Help(Some("bundle".into())));
    }

    #[test]
    fn arguments_after_the_dashes_are_passed_on_untouched() {
        let expected = vec!["--epochs".to_owned(), "3".into(), "--".into(), "--llvm".into()];
        assert_eq!(
            command("train -- --epochs 3 -- --llvm"),
            Command::Train { arguments: expected }
        );
        assert_eq!(
            command("test masks -- --nocapture"),
            Command::Test { filter: Some("masks".into()), arguments: vec!["--nocapture".into()] }
        );
    }

    #[test]
    fn a_forgotten_pair_of_dashes_is_explained() {
        let error = parse_line("train --epochs 3").unwrap_err();
        assert!(error.contains("cargo xtask train -- --epochs"), "{error}");
        let error = parse_line("train etth1").unwrap_err();
        assert!(error.contains("cargo xtask train -- etth1"), "{error}");
    }

    #[test]
    fn options_belong_to_their_commands() {
        assert_eq!(command("doctor --strict"), Command::Doctor { strict: true });
        assert_eq!(command("bundle -o a.xz"), Command::Bundle { output: Some("a.xz".into()) });
        assert_eq!(command("bundle --output=b"), Command::Bundle { output: Some("b".into()) });
        assert!(parse_line("test --strict").is_err());
        assert!(parse_line("lint extra").is_err());
        assert!(parse_line("lint -- extra").is_err());
        assert!(parse_line("bundle --output").unwrap_err().contains("needs a file name"));
    }

    #[test]
    fn what_kernels_are_checked_is_passed_on() {
        let arguments = |line: &str| match command(line) {
            Command::CheckKernels { arguments } => arguments.join(" "),
            other => panic!("{other:?}"),
        };
        assert_eq!(arguments("check-kernels"), "");
        assert_eq!(
            arguments("check-kernels --arch sm_80,sm_90a --quick -o k.json -- --jobs 1"),
            "--arch sm_80,sm_90a --quick -o k.json --jobs 1"
        );
        assert_eq!(arguments("check-kernels --arch=sm_90a"), "--arch sm_90a");
        let error = parse_line("check-kernels --arch").unwrap_err();
        assert!(error.contains("`--arch sm_90a`"), "{error}");
        let error = parse_line("check-kernels --jobs 1").unwrap_err();
        assert!(error.contains("-- --jobs"), "{error}");
        assert!(parse_line("lint --quick").is_err());
    }

    #[test]
    fn what_is_explained_is_passed_on() {
        let arguments = |line: &str| match command(line) {
            Command::Explain { arguments } => arguments.join(" "),
            other => panic!("{other:?}"),
        };
        assert_eq!(arguments("explain softcap -- --seq 42"), "softcap --seq 42");
        assert_eq!(arguments("explain"), "");
        let error = parse_line("explain softcap --seq 42").unwrap_err();
        assert!(error.contains("explain softcap -- --seq"), "{error}");
        assert_eq!(command("examples"), Command::Examples);
        assert_eq!(command("parity"), Command::Parity);
        assert!(parse_line("examples all").is_err());
    }

    #[test]
    fn the_source_of_llvm_can_be_chosen() {
        let llvm = |line: &str| parse_line(line).map(|invocation| invocation.llvm);
        assert_eq!(llvm("setup"), Ok(LlvmChoice::Auto));
        assert_eq!(llvm("setup --llvm system"), Ok(LlvmChoice::System));
        assert_eq!(llvm("test --llvm=download"), Ok(LlvmChoice::Download));
        assert_eq!(llvm("setup --llvm-config /x"), Ok(LlvmChoice::Config("/x".into())));
        assert!(llvm("setup --llvm /x").unwrap_err().contains("--llvm-config /x"));
    }

    #[test]
    fn a_slip_is_answered_with_the_nearest_command() {
        for (slip, meant) in
            [("tarin", "train"), ("tests", "test"), ("docter", "doctor"), ("bun", "bundle")]
        {
            let error = parse_line(slip).unwrap_err();
            assert!(error.contains(&format!("`cargo xtask {meant}`")), "{slip}: {error}");
        }
        assert!(parse_line("frobnicate").unwrap_err().contains("the commands are"));
    }

    #[test]
    fn distances_are_levenshteins() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("train", "train"), 0);
    }
}
