mount "/data" {
  device  = "LABEL=data"
  fstype  = "ext4"
  options = ["noatime", "nofail"]
  ensure  = "mounted"
}

file "/data" {
  ensure = "directory"
}
