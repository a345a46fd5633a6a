//! What to do when a device's memory does not suffice.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Error, Result, anyhow};

use crate::config::{AttentionKind, Config, Precision};

/// How drivers and CubeCL say it, in lower case.
const SIGNS: [&str; 5] =
    ["out of memory", "out of device memory", "out-of-memory", "out_of_memory", "outofmemory"];

/// Runs `work`. Where it runs out of memory, the error says in one line which keys of `config` to
/// lower; Burn's operators panic then, as they return tensors, and such a panic becomes an error,
/// which says all that the panic's own text and backtrace would.
pub fn advise<T>(config: &Config, work: impl FnOnce() -> Result<T>) -> Result<T> {
    keep_panics_about_memory_quiet();
    ADVISING.fetch_add(1, Ordering::Relaxed);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    ADVISING.fetch_sub(1, Ordering::Relaxed);
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(advised(config, &format!("{error:#}")).unwrap_or(error)),
        Err(panic) => match advised(config, text(panic.as_ref())) {
            Some(error) => Err(error),
            None => resume_unwind(panic),
        },
    }
}

/// Calls of [`advise`] in progress, on any thread: the device's own thread panics too.
static ADVISING: AtomicUsize = AtomicUsize::new(0);

/// While an error will speak of it, a panic about memory prints nothing.
fn keep_panics_about_memory_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !is_advised(panic.payload()) {
                before(panic);
            }
        }));
    });
}

/// Whether an error will say what `panic` does.
fn is_advised(panic: &(dyn Any + Send)) -> bool {
    ADVISING.load(Ordering::Relaxed) > 0 && text(panic).lines().any(tells_of_memory)
}

fn tells_of_memory(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    SIGNS.iter().any(|sign| line.contains(sign))
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default()
}

/// The error with its advice, if `text` tells of memory.
fn advised(config: &Config, text: &str) -> Option<Error> {
    let line = text.lines().find(|line| tells_of_memory(line))?.trim();
    let (model, batch) = (&config.model, config.train.batch_size);
    let mut advice = Vec::new();
    if batch > 1 {
        advice.push(format!("lower train.batch_size (now {batch}, try {})", batch / 2));
    }
    if model.attention == AttentionKind::Vanilla {
        advice.push("set model.attention=tuned, which stores no scores".to_string());
    }
    if model.precision == Precision::F32 {
        advice.push("set model.precision=bf16, which halves activations".to_string());
    }
    advice.push(format!("raise model.stride (now {}), for fewer tokens", model.stride));
    advice.push(format!("lower model.d_model (now {})", model.d_model));
    Some(anyhow!("the device has too little memory: {}; {line}", advice.join(", or ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::presets;

    #[test]
    fn memory_errors_say_which_keys_to_lower() {
        let config = presets::by_name("ettm1").expect("a preset");
        let refused = "a step\nout of device memory allocating 4096 bytes\n  0: a backtrace";
        let error = advise(&config, || -> Result<()> { Err(anyhow!(refused)) });
        let error = error.expect_err("an error").to_string();
        assert!(error.contains("train.batch_size (now 128, try 64)"), "{error}");
        assert!(error.ends_with("out of device memory allocating 4096 bytes"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }

    #[test]
    fn panics_about_memory_become_errors_and_others_go_on() {
        let mut config = presets::by_name("etth1").expect("a preset");
        config.model.attention = AttentionKind::Vanilla;
        let error = advise(&config, || -> Result<()> { panic!("CUDA_ERROR_OUT_OF_MEMORY") });
        assert!(error.expect_err("an error").to_string().contains("model.attention=tuned"));
        let quiet = advise(&config, || {
            Ok((is_advised(&"out of memory"), is_advised(&"out of range".to_string())))
        });
        assert_eq!(quiet.expect("no error"), (true, false), "only these are not printed");
        let other = catch_unwind(|| advise(&config, || -> Result<()> { panic!("something else") }));
        assert!(other.is_err());
        let other = advise(&config, || -> Result<()> { Err(anyhow!("no such file")) });
        assert_eq!(other.expect_err("an error").to_string(), "no such file");
    }
}
