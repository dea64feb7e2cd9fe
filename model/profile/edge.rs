//! GLM-Edge: GLM-4's turns without a prefix. Its template knows no tools; they
//! are offered in GLM-4's form, and the constraint keeps the calls in it.

use super::{Profile, Published, glm4};

pub(super) static EDGE: Profile = Profile {
    name: "glm-edge",
    prefix: &[],
    published: Published {
        positions: 8192,
        end_ids: &[59_246, 59_253, 59_255],
        adds_prefix: false,
    },
    ..glm4::GLM4
};
