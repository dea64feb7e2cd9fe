//! How the guest says what came of a cell: its one import besides WASI.

use super::host::Host;
use crate::host::CALL_BYTES;
use wasmtime::{Caller, Extern, Linker};

/// The call failed: the guest raises an `OSError`.
const FAILED: i32 = -2;

/// Links `host.call`, by which the guest's `_host.call(request)` hands over a
/// request and gets a response. The request is the answer, which a cell could send
/// as well as the notebook does: it would deceive only itself. The response is
/// empty, which is what the memory that the guest prepared for it already says.
pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "host",
        "call",
        |mut caller: Caller<'_, Host>,
         request: i32,
         length: i32,
         response: i32,
         response_length: i32|
         -> wasmtime::Result<i32> {
            let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
                wasmtime::bail!("the guest exports no memory");
            };
            let (memory, host) = memory.data_and_store_mut(&mut caller);
            let (start, length) = (
                request.cast_unsigned() as usize,
                length.cast_unsigned() as usize,
            );
            let Some(answer) = memory.get(start..start.saturating_add(length)) else {
                return Ok(FAILED);
            };
            if length > CALL_BYTES {
                return Ok(FAILED);
            }
            host.answer = Some(answer.to_vec());
            for at in [response, response_length] {
                let at = at.cast_unsigned() as usize;
                let Some(word) = memory.get_mut(at..at.saturating_add(4)) else {
                    return Ok(FAILED);
                };
                word.fill(0);
            }
            Ok(0)
        },
    )?;
    Ok(())
}
