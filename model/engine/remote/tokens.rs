//! How many tokens a prompt has, as far as one can tell without the tokenizer.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Conversation, Message, Profile, prompt};

/// Tokens that an image is counted as: what GLM-4V-9B makes of 1120 × 1120 pixels.
const IMAGE: u64 = 1600;

/// A prompt, as far as its length is told by it.
#[derive(Debug)]
pub struct Prompt {
    text: String,
    images: u64,
}

impl Prompt {
    pub fn new(profile: &Profile, conversation: &Conversation) -> Self {
        let is_image = |message: &Message| matches!(message, Message::Image(_));
        let messages = conversation.messages.iter();
        let images = messages.filter(|message| is_image(message)).count() as u64;
        let text = |conversation| prompt::to_text(&prompt::render(profile, conversation));
        if images == 0 {
            let text = text(conversation);
            return Self { text, images };
        }
        // Their content would be rendered as text, which no model reads.
        let mut words = conversation.clone();
        words.messages.retain(|message| !is_image(message));
        let text = text(&words);
        Self { text, images }
    }
}

/// An estimate that is on the safe side until a server has told how many tokens some
/// prompt had, and from then on as far off as that one was, and a little more.
#[derive(Debug)]
pub struct Estimate {
    /// Tokens per a thousand that were estimated.
    factor: AtomicU64,
}

/// What is added to what was learnt.
const MARGIN: u64 = 50;
/// Servers can be wrong, too.
const FACTORS: std::ops::RangeInclusive<u64> = 300..=3000;

impl Default for Estimate {
    fn default() -> Self {
        Self {
            factor: AtomicU64::new(1000),
        }
    }
}

impl Estimate {
    /// Tokens of a prompt.
    pub fn of(&self, prompt: &Prompt) -> u64 {
        let estimated = raw(&prompt.text) * self.factor.load(Ordering::Relaxed);
        estimated.div_ceil(1000) + prompt.images * IMAGE
    }

    /// A prompt turned out to have so many tokens.
    pub fn learn(&self, prompt: &Prompt, tokens: u64) {
        let estimated = raw(&prompt.text);
        // A few tokens tell little of many, and those of images nothing of a text's.
        if estimated < 50 || tokens == 0 || prompt.images > 0 {
            return;
        }
        let factor = tokens * 1000 / estimated + MARGIN;
        let factor = factor.clamp(*FACTORS.start(), *FACTORS.end());
        self.factor.store(factor, Ordering::Relaxed);
    }
}

/// A token for every three bytes of ASCII and one for every other character: more than
/// GLM-4's tokenizer makes of English (four bytes), Chinese (one and a half characters)
/// and code.
fn raw(text: &str) -> u64 {
    let ascii = text.bytes().filter(u8::is_ascii).count() as u64;
    let others = text.chars().filter(|c| !c.is_ascii()).count() as u64;
    ascii.div_ceil(3) + others
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Image;

    fn prompt(text: &str) -> Prompt {
        let text = text.to_owned();
        Prompt { text, images: 0 }
    }

    #[test]
    fn it_learns() {
        let estimate = Estimate::default();
        let text = prompt(&"some words ".repeat(100));
        assert_eq!(estimate.of(&text), 367);
        estimate.learn(&text, 275);
        assert_eq!(estimate.of(&text), 294);
        estimate.learn(&prompt("short"), 1);
        assert_eq!(estimate.of(&text), 294);
        assert_eq!(Estimate::default().of(&prompt("天气")), 2);
    }

    #[test]
    fn an_image_counts_as_one_however_large_and_teaches_nothing() {
        let image = Message::Image(Image {
            name: "images/a.png".into(),
            media_type: "image/png".into(),
            url: Some("data:image/png;base64,".repeat(10_000).into()),
        });
        let content = "What is it? ".repeat(20);
        let messages = vec![image, Message::User { content }];
        let mut conversation = Conversation {
            messages,
            ..Conversation::default()
        };
        let shown = Prompt::new(Profile::chat(), &conversation);
        conversation.messages.remove(0);
        let words = Prompt::new(Profile::chat(), &conversation);
        let estimate = Estimate::default();
        assert_eq!(estimate.of(&shown), estimate.of(&words) + IMAGE);
        let before = estimate.of(&words);
        estimate.learn(&shown, 5000);
        assert_eq!(estimate.of(&words), before);
    }
}
