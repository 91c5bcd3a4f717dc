CREATE TABLE "upload_parts" (
	"upload_id" text COLLATE "C" NOT NULL,
	"start" bigint NOT NULL,
	"bytes" bigint NOT NULL,
	"blob_key" text COLLATE "C" NOT NULL,
	CONSTRAINT "upload_parts_upload_id_start_pk" PRIMARY KEY("upload_id","start")
);
--> statement-breakpoint
CREATE TABLE "uploads" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"owner" text COLLATE "C" NOT NULL,
	"organization_id" text COLLATE "C" NOT NULL,
	"is_of_job" boolean NOT NULL,
	"sha256" text COLLATE "C" NOT NULL,
	"bytes" bigint NOT NULL,
	"received" bigint NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "upload_parts" ADD CONSTRAINT "upload_parts_upload_id_uploads_id_fk" FOREIGN KEY ("upload_id") REFERENCES "public"."uploads"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "uploads_owner" ON "uploads" USING btree ("owner","sha256","bytes");--> statement-breakpoint
CREATE INDEX "uploads_organization" ON "uploads" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "uploads_created" ON "uploads" USING btree ("created_at","id");