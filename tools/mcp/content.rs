//! What servers return, as a model reads it and people open it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use crate::{Artifact, Citation, ToolContext, ToolOutput, text};

/// A result in the making.
#[derive(Default)]
pub(super) struct Output {
    parts: Vec<String>,
    artifacts: Vec<Artifact>,
    citations: Vec<Citation>,
}

/// The result of a call.
pub(super) fn of_call(result: CallToolResult, cx: &ToolContext) -> ToolOutput {
    let mut output = Output::default();
    for block in result.content {
        output.block(block, cx);
    }
    if let (true, Some(json)) = (output.parts.is_empty(), &result.structured_content) {
        output.parts.push(json.to_string());
    }
    ToolOutput {
        json: result.structured_content,
        failed: result.is_error == Some(true),
        ..output.finish()
    }
}

impl Output {
    pub fn block(&mut self, block: ContentBlock, cx: &ToolContext) {
        match block {
            ContentBlock::Text(text) => self.parts.push(text.text),
            ContentBlock::Image(image) => self.data("image", &image.mime_type, &image.data, cx),
            ContentBlock::Audio(audio) => self.data("audio", &audio.mime_type, &audio.data, cx),
            ContentBlock::Resource(embedded) => self.resource(embedded.resource, cx),
            ContentBlock::ResourceLink(link) => {
                let title = link.title.unwrap_or(link.name);
                self.parts.push(format!("[{title}]({})", link.uri));
                self.cite(title, link.uri);
            }
            // Of a later version of the protocol.
            other => self.parts.push(serde_json::json!(other).to_string()),
        }
    }

    pub fn resource(&mut self, resource: ResourceContents, cx: &ToolContext) {
        match resource {
            ResourceContents::TextResourceContents { uri, text, .. } => {
                self.parts.push(text);
                self.cite(String::new(), uri);
            }
            ResourceContents::BlobResourceContents {
                uri,
                mime_type,
                blob,
                ..
            } => {
                let media_type = mime_type.unwrap_or_else(|| "application/octet-stream".to_owned());
                self.data("file", &media_type, &blob, cx);
                self.cite(String::new(), uri);
            }
            other => self.parts.push(serde_json::json!(other).to_string()),
        }
    }

    pub fn finish(self) -> ToolOutput {
        ToolOutput {
            text: self.parts.join("\n"),
            artifacts: self.artifacts,
            citations: self.citations,
            ..ToolOutput::default()
        }
    }

    /// Keeps what is no text as a file, if the session has a folder.
    fn data(&mut self, what: &str, media_type: &str, base64: &str, cx: &ToolContext) {
        let Ok(bytes) = STANDARD.decode(base64) else {
            self.parts.push(format!("[{what}: its data are damaged]"));
            return;
        };
        let size = text::size(bytes.len() as u64);
        let kept = cx.directory.as_ref();
        let kept = kept.map(|folder| Artifact::keep(folder, &cx.call, media_type, &bytes));
        match kept {
            Some(Ok(artifact)) => {
                let name = &artifact.name;
                self.parts
                    .push(format!("[{what}, {media_type}, {size}: /mnt/data/{name}]"));
                self.artifacts.push(artifact);
            }
            Some(Err(error)) => {
                self.parts.push(format!(
                    "[{what}, {media_type}, {size}: cannot be kept: {error}]"
                ));
            }
            None => self.parts.push(format!("[{what}, {media_type}, {size}]")),
        }
    }

    fn cite(&mut self, title: String, url: String) {
        self.citations.push(Citation {
            mark: String::new(),
            title,
            url,
        });
    }
}
