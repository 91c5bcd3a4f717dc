CREATE TABLE "log_times" (
	"stream" text COLLATE "C" NOT NULL,
	"start" bigint NOT NULL,
	"at_ms" bigint NOT NULL,
	CONSTRAINT "log_times_stream_start_pk" PRIMARY KEY("stream","start")
);
--> statement-breakpoint
ALTER TABLE "log_times" ADD CONSTRAINT "log_times_stream_log_streams_name_fk" FOREIGN KEY ("stream") REFERENCES "public"."log_streams"("name") ON DELETE cascade ON UPDATE no action;