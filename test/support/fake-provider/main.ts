import { Configuration } from "./configuration.ts";
import { Provider } from "./gen/tfplugin6_pb.ts";
import { provider } from "./provider.ts";
import { serve } from "./serve.ts";

const [name = "fake"] = process.argv.slice(2);
serve((router) => router.service(Provider, provider(name, new Configuration(process.env))), process.env);
