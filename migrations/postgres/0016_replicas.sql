CREATE TABLE "presences" (
	"agent_id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"replica_id" text COLLATE "C" NOT NULL,
	"session_epoch" bigint NOT NULL,
	"version" bigint NOT NULL,
	"facts" json
);
--> statement-breakpoint
CREATE TABLE "replicas" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"version" text COLLATE "C" NOT NULL,
	"address" text COLLATE "C" NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"seen_at" timestamp (3) with time zone NOT NULL,
	"clock_at" timestamp (3) with time zone NOT NULL,
	"beats" bigint NOT NULL,
	"losses" bigint NOT NULL,
	"lost_at" timestamp (3) with time zone
);
--> statement-breakpoint
ALTER TABLE "agents" ADD COLUMN "replica_id" text COLLATE "C";--> statement-breakpoint
CREATE INDEX "presences_replica" ON "presences" USING btree ("replica_id","version");