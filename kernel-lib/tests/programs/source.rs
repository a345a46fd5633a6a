//! The CUDA C++ of kernels, without a GPU.

use tilewright::DType;
use tilewright::cuda_source::Sm;
use tilewright::program::{KernelError, Role, Sizes, TuningRefusal, kernels};
use tilewright::programs::{FusedSoftmaxTune, LinearAttentionTune, SigmoidAttentionTune};

#[test]
fn every_kernel_of_the_program_has_a_text_for_every_element_type() {
    let sm = Sm::Sm90;
    for kernel in kernels() {
        for example in kernel.examples {
            let sizes = Sizes::new(example.sizes.iter().copied());
            for (dtype, word) in
                [(DType::F32, "float"), (DType::F16, "__half"), (DType::Bf16, "__nv_bfloat16")]
            {
                let source = kernel.cuda_source(&sizes, dtype, None, sm).expect(kernel.name);
                assert_eq!(source.kernel, kernel.name);
                assert!(source.source.contains("__global__"), "{}", source.source);
                let open = kernel.tensors.iter().any(|tensor| tensor.dtype.is_none());
                assert!(source.source.contains(word) || !open, "{}", source.source);
                // Bounds are not checked: that would read the buffer's length.
                assert!(!source.source.contains("buffer_len"), "{}", source.source);
            }
        }
    }
}

#[test]
fn every_tuning_of_the_examples_has_a_text() {
    let device = Sm::Sm90.device();
    for kernel in
        [FusedSoftmaxTune::kernel(), LinearAttentionTune::kernel(), SigmoidAttentionTune::kernel()]
    {
        let sizes = Sizes::new(kernel.examples[0].sizes.iter().copied());
        let mut texts = 0;
        // The number of units changes where a unit starts, and nothing else.
        let units = kernel.tune.iter().position(|param| param.role == Role::Units);
        let units = units.expect("a parameter for units");
        let preferred = kernel.tune[units].values[0];
        for tuning in kernel.space().iter().filter(|t| t.values()[units] == preferred) {
            if kernel.check(tuning, &sizes, &device).is_ok() {
                let source = kernel.cuda_source(&sizes, DType::Bf16, Some(tuning), Sm::Sm90);
                let source = source.unwrap_or_else(|error| panic!("{tuning}: {error}"));
                assert_eq!(moving_index(&source.source), None, "{} {tuning}", kernel.name);
                texts += 1;
            }
        }
        assert!(texts > 8, "{}: {texts}", kernel.name);
    }
}

/// A line that indexes an array of a unit's own with something that is not known in advance: such
/// an array has no registers.
fn moving_index(text: &str) -> Option<&str> {
    let name = |rest: &str| -> String {
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    // `array<float, 8> * v7 = &v7_store;`; what lies on chip is `reinterpret_cast`.
    let arrays: Vec<String> = text
        .split("> * v")
        .skip(1)
        .filter(|rest| rest.contains("_store;") && rest.find("_store;") < rest.find('\n'))
        .map(|rest| format!("(*v{})[", name(rest)))
        .collect();
    assert!(!arrays.is_empty(), "tiles are arrays of a unit's own: {text}");
    let constants: std::collections::HashSet<&str> = text
        .split(['\n', ';'])
        .filter_map(|statement| statement.strip_prefix("uint32_t const ")?.split_once(" = "))
        .filter(|(_, value)| value.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|(name, _)| name)
        .collect();
    text.lines().find(|line| {
        arrays.iter().any(|array| {
            let index = line.split_once(array.as_str()).map(|(_, rest)| name(rest));
            index.is_some_and(|index| !constants.contains(index.as_str()))
        })
    })
}

#[test]
fn units_that_share_a_row_exchange_what_they_know() {
    let kernel = FusedSoftmaxTune::kernel();
    let sizes = Sizes::new([("batch", 1), ("heads", 1), ("rows", 64), ("dim", 512)]);
    let text = |split| {
        let tune = FusedSoftmaxTune { rows: 1, units: 128, split };
        let source = kernel.cuda_source(&sizes, DType::F32, Some(&tune.into()), Sm::Sm90);
        source.map(|source| source.source)
    };
    assert!(text(32).expect("a text").contains("shfl"));
    // One unit does not hold 512 columns in registers.
    let error = text(1).expect_err("refused");
    assert!(
        matches!(error, KernelError::Tuning { reason: TuningRefusal::Device(_), .. }),
        "{error}"
    );
}
