//! ptxas: from PTX to registers and spills.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tilewright::cuda_source::Sm;

/// What a kernel takes of a multiprocessor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Registers of a unit.
    pub registers: u32,
    /// Bytes of a unit that are written to memory for want of registers.
    pub spill_stores: u32,
    /// Bytes that are read back.
    pub spill_loads: u32,
    /// Bytes of a unit's local memory: spills, and arrays that are indexed at run time.
    pub stack: u32,
    /// What the assembler warns about, besides spills.
    pub warnings: Vec<String>,
}

/// What the assembler says of a program.
#[derive(Clone, Debug, PartialEq)]
pub enum Assembled {
    /// The kernel's resources.
    Done(Resources),
    /// The architecture has no such instruction.
    Lacks(String),
    /// An error of another kind.
    Failed(String),
}

/// The assembler.
#[derive(Clone, Debug)]
pub struct Ptxas {
    program: PathBuf,
}

impl Ptxas {
    pub fn new(program: &Path) -> Self {
        Self { program: program.to_owned() }
    }

    /// Its version, as in `V13.0.88`.
    pub fn version(&self) -> Result<String> {
        let output = Command::new(&self.program)
            .arg("--version")
            .output()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        match version(&text) {
            Some(version) => Ok(version.to_owned()),
            None => bail!("{} --version gives no version: {text}", self.program.display()),
        }
    }

    /// Assembles a program with one kernel.
    pub fn assemble(&self, ptx: &[u8], sm: Sm) -> Result<Assembled> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let (from, to) = (folder.path().join("kernel.ptx"), folder.path().join("kernel.cubin"));
        std::fs::write(&from, ptx).with_context(|| format!("cannot write {}", from.display()))?;
        let output = Command::new(&self.program)
            .args(["--verbose", "--warn-on-spills", &format!("--gpu-name={sm}"), "--output-file"])
            .args([&to, &from])
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        // Information comes on standard error; this does not rely on it.
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Ok(if output.status.success() { done(&text) } else { refused(&text) })
    }
}

fn version(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("release ")?;
    rest.split_whitespace().nth(1)
}

/// Reads what `--verbose` says of the kernel.
fn done(text: &str) -> Assembled {
    let mut found = Resources::default();
    let mut registers = None;
    for line in text.lines().map(str::trim) {
        // A function that was not inlined has a line of its own; the kernel's need is the sum. The
        // warning about spills ends in the same words.
        if line.ends_with("bytes spill loads") && !line.starts_with("ptxas") {
            found.stack += before(line, "bytes stack frame").unwrap_or(0);
            found.spill_stores += before(line, "bytes spill stores").unwrap_or(0);
            found.spill_loads += before(line, "bytes spill loads").unwrap_or(0);
        } else if let Some(used) = line
            .split_once("Used ")
            .and_then(|(_, rest)| before(rest, "registers").or_else(|| before(rest, "register")))
        {
            registers = Some(registers.unwrap_or(0).max(used));
        } else if let Some((kind, text)) = line.split_once(':')
            && kind.starts_with("ptxas")
            && warns(kind, text)
        {
            found.warnings.push(text.trim().to_owned());
        }
    }
    match registers {
        Some(registers) => Assembled::Done(Resources { registers, ..found }),
        None => Assembled::Failed(format!("ptxas names no registers:\n{}", text.trim())),
    }
}

/// Whether a line is a warning. That instructions are serialised or ignored, which may cost more
/// than any spill, is called information.
fn warns(kind: &str, text: &str) -> bool {
    let warning = kind.trim_end().ends_with("warning") && !text.contains("Registers are spilled");
    warning || text.contains("Potential Performance Loss")
}

/// The number before a text, as 16 in `0 bytes stack frame, 16 bytes spill stores`.
fn before(line: &str, text: &str) -> Option<u32> {
    let (start, _) = line.split_once(text)?;
    start.trim_end().rsplit([' ', ',']).next()?.parse().ok()
}

/// Tells an instruction that the architecture lacks from any other error.
fn refused(text: &str) -> Assembled {
    let lacks = text.lines().find(|line| {
        line.contains("not supported on .target")
            || line.contains("requires .target")
            || line.contains("cannot be compiled for architecture")
    });
    match lacks {
        Some(line) => {
            let what = line.rsplit_once("; error").map_or(line, |(_, rest)| rest);
            Assembled::Lacks(what.trim_start_matches([' ', ':']).trim().to_owned())
        }
        None => Assembled::Failed(text.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: &str = "\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'resident_forward_0a' for 'sm_90a'
ptxas info    : Function properties for resident_forward_0a
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 57 registers, used 1 barriers, 2688 bytes smem
ptxas info    : Compile time = 41.235 ms
";

    #[test]
    fn a_clean_kernel_has_registers_only() {
        let Assembled::Done(found) = done(CLEAN) else { panic!("assembled") };
        assert_eq!(found, Resources { registers: 57, ..Resources::default() });
    }

    #[test]
    fn spills_are_read_and_are_no_other_warning() {
        let text = "\
ptxas warning : Registers are spilled to local memory in function 'k', 48 bytes spill stores, 60 bytes spill loads
ptxas info    : Function properties for k
    112 bytes stack frame, 48 bytes spill stores, 60 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 112 bytes cumulative stack size
";
        let Assembled::Done(found) = done(text) else { panic!("assembled") };
        assert_eq!((found.registers, found.stack), (255, 112));
        assert_eq!((found.spill_stores, found.spill_loads), (48, 60));
        assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    }

    #[test]
    fn other_warnings_are_kept() {
        let text =
            format!("ptxas k.ptx, line 9; warning : Double is not supported. Demoting\n{CLEAN}");
        let Assembled::Done(found) = done(&text) else { panic!("assembled") };
        assert_eq!(found.warnings, ["Double is not supported. Demoting"]);
        let loss = "(C7508) Potential Performance Loss: 'setmaxnreg' ignored";
        let Assembled::Done(found) = done(&format!("ptxas info    : {loss}\n{CLEAN}")) else {
            panic!("assembled")
        };
        assert_eq!(found.warnings, [loss]);
    }

    #[test]
    fn functions_that_were_not_inlined_add_up() {
        let text = "\
    8 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads
    0 bytes stack frame, 1 bytes spill stores, 2 bytes spill loads
ptxas info    : Used 1 register
";
        let Assembled::Done(found) = done(text) else { panic!("assembled") };
        assert_eq!((found.registers, found.stack), (1, 8));
        assert_eq!((found.spill_stores, found.spill_loads), (5, 10));
    }

    #[test]
    fn an_instruction_of_another_architecture_is_told_from_an_error() {
        let text = "\
ptxas k.ptx, line 52; error   : Instruction 'wgmma.fence' not supported on .target 'sm_100a'
ptxas fatal   : Ptx assembly aborted due to errors
";
        let expected = "Instruction 'wgmma.fence' not supported on .target 'sm_100a'";
        assert_eq!(refused(text), Assembled::Lacks(expected.to_owned()));
        let text =
            "ptxas k.ptx, line 3; error : Feature 'stmatrix' requires .target sm_90 or higher";
        let expected = "Feature 'stmatrix' requires .target sm_90 or higher";
        assert_eq!(refused(text), Assembled::Lacks(expected.to_owned()));
        let text = "ptxas k.ptx, line 3; fatal   : Parsing error near 'x': syntax error";
        assert_eq!(refused(text), Assembled::Failed(text.to_owned()));
    }

    #[test]
    fn silence_is_no_success() {
        assert!(matches!(done("ptxas info : 0 bytes gmem\n"), Assembled::Failed(_)));
    }

    #[test]
    fn the_version_is_found() {
        let text = "Cuda compilation tools, release 13.0, V13.0.88\nBuild cuda_13.0";
        assert_eq!(version(text), Some("V13.0.88"));
        assert_eq!(version("something else"), None);
    }
}
