import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { session } from "./session.ts";

/** Tells the session of a credential that has ended, whichever call finds out. */
const noticeSignOut: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    if (ConnectError.from(error).code === Code.Unauthenticated) session.end();
    throw error;
  }
};

/** Speaks Connect to the server that has sent this page; the browser adds the cookie. */
export const transport = createConnectTransport({
  baseUrl: window.location.origin,
  useBinaryFormat: true,
  interceptors: [noticeSignOut],
});
