# An application whose roll-out fails half way.
resource "terraform_data" "image" {
  input = { name = "registry.example.com/shop", tag = "2026.11.3" }
}

resource "terraform_data" "migration" {
  input = { database = "shop", version = 42 }
}

resource "terraform_data" "rollout" {
  depends_on = [terraform_data.image, terraform_data.migration]

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-c"]
    command     = "echo 'shop-7c9f: 2 of 3 replicas are ready'; echo 'shop-7c9f: readiness probe failed: HTTP 503' >&2; exit 1"
  }
}
