exec "mkfs_data" {
  path    = ["/sbin", "/usr/sbin"]
  command = "mkfs.ext4 /dev/vdb"
  unless  = "tune2fs -l /dev/vdb"
}
