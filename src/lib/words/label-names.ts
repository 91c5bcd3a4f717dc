/** What a label of an agent may be called: `zone`, `team/network`, `gpu.model`. At most 64 characters. */
export const labelKeyPattern = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,62}[A-Za-z0-9])?$/;

/** What a label may say; it may also be empty. At most 256 characters. */
export const labelValuePattern = /^[A-Za-z0-9._:/@+-]{0,256}$/;

/** The label that says of an agent that it takes plans only, or applies only. */
export const acceptLabel = "accept";
