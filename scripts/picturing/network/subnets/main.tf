variable "zones" {
  type = list(string)
}

resource "terraform_data" "subnet" {
  for_each = toset(var.zones)
  input = {
    zone       = "eu-central-1${each.key}"
    cidr_block = "10.20.${index(var.zones, each.key)}.0/24"
    public     = false
  }
}
