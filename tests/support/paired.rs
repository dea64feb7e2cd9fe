//! Conversations that a model can be shown.

use glm_agent_model::{Conversation, Message, Segment};

/// Whether each reply has an observation after it for each of its calls.
pub fn is_paired(conversation: &Conversation) -> bool {
    let mut open = 0;
    for message in &conversation.messages {
        match message {
            Message::Observation { .. } if open == 0 => return false,
            Message::Observation { .. } => open -= 1,
            _ if open > 0 => return false,
            Message::Assistant { segments } => {
                let calls = segments.iter().filter(|s| matches!(s, Segment::Call(_)));
                open = calls.count();
            }
            _ => {}
        }
    }
    open == 0
}
