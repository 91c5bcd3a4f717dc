# Needs no network and no account: terraform_data is built into Terraform and OpenTofu.
terraform {
  required_version = ">= 1.4"
}

variable "name" {
  type        = string
  default     = "world"
  description = "Who is greeted."
}

locals {
  greeting = "Hello, ${var.name}!"
}

# Changes when the greeting does.
resource "terraform_data" "greeting" {
  input = local.greeting
}

# Prints a line now and then, so that one sees the log arrive while terraform runs.
resource "terraform_data" "steps" {
  triggers_replace = [terraform_data.greeting.output]

  provisioner "local-exec" {
    command = "for step in one two three; do echo \"step $step\"; sleep 0.8; done; echo \"$GREETING\""
    environment = {
      GREETING = local.greeting
    }
  }
}

output "greeting" {
  value       = terraform_data.greeting.output
  description = "What was said."
}
