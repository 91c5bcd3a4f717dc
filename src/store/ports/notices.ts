export type { NoticeLine, NoticeListener } from "../engine/notice-line.ts";
