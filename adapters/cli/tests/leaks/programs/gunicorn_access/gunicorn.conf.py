bind = "127.0.0.1:0"
accesslog = "-"
control_socket_disable = True
# FIX
