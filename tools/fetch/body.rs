//! The body of an answer.

use std::error::Error;

use reqwest::Response;

use crate::ToolError;

/// The first `max` bytes of a page, decompressed.
pub(crate) async fn read(mut response: Response, max: usize) -> Result<Vec<u8>, ToolError> {
    let mut body = Vec::new();
    while body.len() < max {
        let chunk = response.chunk().await.map_err(|error| {
            // The outer errors say no more than that it could not be read.
            let mut cause: &dyn Error = &error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            ToolError::Model(format!(
                "`{}` could not be read to its end: {cause}",
                response.url()
            ))
        })?;
        let Some(chunk) = chunk else { break };
        body.extend_from_slice(&chunk);
    }
    body.truncate(max);
    Ok(body)
}
