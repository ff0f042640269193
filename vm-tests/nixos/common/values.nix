# Every value that the tests look for, by the name that scripts have for it. Made for tests, and worth nothing.
{
  token = "value of app/token in the first generation";
  token_changed = "value of app/token in the second generation";
  public = "value that everybody may read";
  old = "value that the second generation does not have";
  new = "value that only the second generation has";
  smtp = "value=of a dotenv file";
  var = "value of a var of clan";
  late = "value for the key that the machine makes";
  plugin = "value that only a plugin opens";
  # Of the passwords "made for a test" and "made for a test, too".
  hash = "$6$madeforatest$YAhcYf.aOx9iR7HFQejXDMpGMeopYIW0ORDLpAmPYdhWVM/SHUgNFepjiWuIb2hwpMZ8v/c1FH7Y9zt0Fraua.";
  hash_changed = "$6$madeforatest2$c5ow8HaRTW0Gxm0yhVB26rqST4ox1AxO5MIrld264Xcr5ms/pqQUv/ZhkNfqetlcZM11hJ5SpxRgjKsofj1a9.";
}
