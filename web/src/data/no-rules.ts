import { fileDesc } from "@bufbuild/protobuf/codegenv2";

/** Stands for buf/validate/validate.proto, of which generated code only needs the name: 14 kB less to load. */
export const file_buf_validate_validate = /*@__PURE__*/ fileDesc("ChtidWYvdmFsaWRhdGUvdmFsaWRhdGUucHJvdG9iBnByb3RvMw");
