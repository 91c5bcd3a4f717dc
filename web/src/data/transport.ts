import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { noticeAnswer } from "./keep-open.ts";
import { session } from "./session.ts";

/** Tells streams that wait that the server answers, and the session of a credential that has ended, whichever call finds out. */
const noticeAnswers: Interceptor = (next) => async (request) => {
  try {
    const answer = await next(request);
    if (!answer.stream) noticeAnswer();
    return answer;
  } catch (error) {
    if (ConnectError.from(error).code === Code.Unauthenticated) session.end();
    throw error;
  }
};

/** Speaks Connect to the server that has sent this page; the browser adds the cookie. */
export const transport = createConnectTransport({
  baseUrl: window.location.origin,
  useBinaryFormat: true,
  interceptors: [noticeAnswers],
});
