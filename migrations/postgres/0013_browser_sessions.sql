CREATE TABLE "browser_sessions" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"api_key_id" text COLLATE "C" NOT NULL,
	"hash" text COLLATE "C" NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"last_used_at" timestamp (3) with time zone NOT NULL,
	"last_used_address" text COLLATE "C" NOT NULL,
	"ends_at" timestamp (3) with time zone NOT NULL,
	"user_agent" text COLLATE "C" NOT NULL,
	CONSTRAINT "browser_sessions_hash" UNIQUE("hash")
);
--> statement-breakpoint
ALTER TABLE "browser_sessions" ADD CONSTRAINT "browser_sessions_api_key_id_api_keys_id_fk" FOREIGN KEY ("api_key_id") REFERENCES "public"."api_keys"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "browser_sessions_key" ON "browser_sessions" USING btree ("api_key_id","created_at","id");--> statement-breakpoint
CREATE INDEX "browser_sessions_ending" ON "browser_sessions" USING btree ("ends_at","id");